//! How much of a session is sent to a host that may have some of it already.

use crate::host::{Holds, HostState, Sending};
use crate::trip::last_sync::LastSync;

/// What home knows of its own side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalState<'a> {
    /// The last sync with that host, if home still has all of it unchanged, and this trip translates as that one did.
    pub(crate) unchanged: Option<&'a LastSync>,
    /// Home does not hold all that it got from that host any more: rows were changed here, or taken back.
    pub(crate) lacks_rows: bool,
    pub(crate) messages: usize,
    /// Messages of the host that the last sync's list does not have, and that home has.
    pub(crate) shared: usize,
    /// Ids and times are translated to the host's clock on this trip.
    pub(crate) translated: bool,
    /// Paths are translated to the host's directory on this trip.
    pub(crate) moved: bool,
}

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendPlan {
    /// Send this much. A delta leaves out so many messages, from the first on.
    Send(Sending, usize),
    /// Both sides went on with the session, each for itself: so many messages there are not here.
    Diverged(usize),
}

/// Decides what to send, from what the host has and what home knows of that.
pub(crate) fn decide(holds: &Holds, here: LocalState<'_>) -> SendPlan {
    let full = SendPlan::Send(Sending::Full, 0);
    let replace = SendPlan::Send(Sending::Replace, 0);
    let delta = here.unchanged;
    let theirs = holds.unlisted.saturating_sub(here.shared);
    match holds.held {
        HostState::None | HostState::Unknown => full,
        // Rows that only the host should have, but home has too, are left from a failed launch.
        HostState::Same | HostState::Ahead if theirs == 0 => {
            delta.map_or(replace, |memory| SendPlan::Send(Sending::Delta, memory.messages))
        }
        HostState::Same | HostState::Ahead => onward(delta, here.messages, theirs),
        // All that home is known to have is there, and some of it changed: that comes home, too. Nothing stands behind what
        // home has, so it may have gone on.
        HostState::Other if holds.changed > 0 && holds.missing == 0 => match delta {
            Some(memory) if theirs == 0 => SendPlan::Send(Sending::Delta, memory.messages),
            _ => onward(delta, here.messages, theirs),
        },
        HostState::Other => match theirs {
            // Remains of a try that was given up, or another machine's copy: all of it is here. Rows that stay there would
            // keep their times, and the paths of the directory that was theirs.
            0 if here.translated || here.moved || here.lacks_rows => replace,
            0 => full,
            // The host has all that home has. Where home took rows back, they would come home again with the run.
            _ if here.shared == here.messages && !here.translated && !here.lacks_rows => full,
            more => SendPlan::Diverged(more),
        },
    }
}

/// Somebody went on with the session there: that comes home with the run, where home itself stood still.
fn onward(delta: Option<&LastSync>, messages: usize, theirs: usize) -> SendPlan {
    match delta {
        Some(memory) if memory.messages == messages => SendPlan::Send(Sending::Delta, memory.messages),
        _ => SendPlan::Diverged(theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn memory() -> LastSync {
        LastSync { messages: 10, ..LastSync::example() }
    }

    fn holds(held: HostState, unlisted: usize) -> Holds {
        Holds { held, messages: 10 + unlisted, parts: 0, changed: 0, missing: 0, unlisted }
    }

    fn here(unchanged: Option<&LastSync>, messages: usize) -> LocalState<'_> {
        LocalState { unchanged, lacks_rows: false, messages, shared: 0, translated: false, moved: false }
    }

    #[test]
    fn only_what_is_new_goes_where_both_sides_know_what_they_have() {
        let known = memory();
        let same = holds(HostState::Same, 0);
        assert_eq!(decide(&same, here(Some(&known), 12)), SendPlan::Send(Sending::Delta, 10));
        assert_eq!(decide(&same, here(None, 12)), SendPlan::Send(Sending::Replace, 0));
        let clocked = LocalState { translated: true, ..here(Some(&known), 12) };
        assert_eq!(decide(&same, clocked), SendPlan::Send(Sending::Delta, 10), "by the same clock");
    }

    #[test]
    fn a_host_without_the_session_gets_all_of_it() {
        for held in [HostState::None, HostState::Unknown] {
            let known = memory();
            assert_eq!(decide(&holds(held, 0), here(Some(&known), 12)), SendPlan::Send(Sending::Full, 0));
        }
    }

    #[test]
    fn what_was_added_there_is_kept_where_home_stood_still() {
        let known = memory();
        let grew = holds(HostState::Ahead, 3);
        assert_eq!(decide(&grew, here(Some(&known), 10)), SendPlan::Send(Sending::Delta, 10));
        assert_eq!(decide(&grew, here(Some(&known), 11)), SendPlan::Diverged(3));
        assert_eq!(decide(&grew, here(None, 10)), SendPlan::Diverged(3));
        let changed = Holds { changed: 1, ..holds(HostState::Other, 2) };
        assert_eq!(decide(&changed, here(Some(&known), 10)), SendPlan::Send(Sending::Delta, 10));
        assert_eq!(decide(&changed, here(Some(&known), 11)), SendPlan::Diverged(2));
        let settled = Holds { changed: 1, ..holds(HostState::Other, 0) };
        assert_eq!(decide(&settled, here(Some(&known), 11)), SendPlan::Send(Sending::Delta, 10));
        assert_eq!(decide(&settled, here(None, 11)), SendPlan::Diverged(0));
        let remains = LocalState { shared: 3, ..here(Some(&known), 13) };
        assert_eq!(decide(&grew, remains), SendPlan::Send(Sending::Delta, 10));
    }

    /// What is on both sides, as messages: home's and the host's by number, and how many of these are listed as known.
    #[derive(Debug)]
    struct Sides {
        home: BTreeSet<u8>,
        host: BTreeSet<u8>,
        /// What home got from there at the last trip; nothing where it does not remember the host.
        listed: Option<BTreeSet<u8>>,
        /// Of these, how many were changed on the host.
        changed: usize,
        translated: bool,
        moved: bool,
    }

    impl Sides {
        fn decide(&self) -> SendPlan {
            let none = BTreeSet::new();
            // What is remembered still stands at home, from its first message on.
            let unchanged =
                self.listed.as_ref().is_some_and(|listed| self.home.iter().take(listed.len()).eq(listed));
            let lacks_rows = self.listed.is_some() && !unchanged;
            let listed = self.listed.as_ref().filter(|_| unchanged).unwrap_or(&none);
            let beyond: BTreeSet<_> = self.host.difference(listed).copied().collect();
            let missing = listed.difference(&self.host).count();
            let changed = self.changed.min(listed.len() - missing);
            let held = match () {
                () if self.host.is_empty() => HostState::None,
                () if !unchanged || changed + missing > 0 => HostState::Other,
                () if beyond.is_empty() => HostState::Same,
                () => HostState::Ahead,
            };
            let (messages, unlisted) = (self.host.len(), beyond.len());
            let holds = Holds { held, messages, parts: 0, changed, missing, unlisted };
            let memory = LastSync { messages: listed.len(), ..memory() };
            let shared = beyond.intersection(&self.home).count();
            let (translated, moved) = (self.translated, self.moved);
            let unchanged = unchanged.then_some(&memory);
            decide(
                &holds,
                LocalState { unchanged, lacks_rows, messages: self.home.len(), shared, translated, moved },
            )
        }
    }

    fn some() -> impl Strategy<Value = BTreeSet<u8>> {
        prop_oneof![
            proptest::collection::btree_set(0u8..12, 0..12),
            (0u8..12).prop_map(|end| (0..end).collect()),
        ]
    }

    fn sides() -> impl Strategy<Value = Sides> {
        let flags = (0usize..3, any::<bool>(), any::<bool>());
        (some(), some(), proptest::option::of(some()), flags).prop_map(
            |(home, host, listed, (changed, translated, moved))| Sides {
                home,
                host,
                listed,
                changed,
                translated,
                moved,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn nothing_is_replaced_of_which_home_has_not_every_message_now(sides in sides()) {
            let decision = sides.decide();
            if decision == SendPlan::Send(Sending::Replace, 0) {
                prop_assert!(sides.host.is_subset(&sides.home), "{:?}", sides);
            }
            // Two histories are never mixed: where each side has what the other has not, nothing is sent, but for what
            // comes home where home stood still.
            let theirs = sides.host.difference(&sides.home).count();
            let stood_still = sides.listed.as_ref() == Some(&sides.home);
            if theirs > 0 && sides.home.difference(&sides.host).next().is_some() && !stood_still {
                prop_assert_eq!(decision, SendPlan::Diverged(theirs), "{:?}", sides);
            }
        }
    }

    #[test]
    fn what_home_took_back_is_not_replaced_and_does_not_come_again() {
        let other = holds(HostState::Other, 4);
        let of = |shared, messages| {
            let here = LocalState { lacks_rows: true, shared, ..here(None, messages) };
            decide(&other, here)
        };
        assert_eq!(of(2, 2), SendPlan::Diverged(2), "and nothing new since");
        assert_eq!(of(2, 3), SendPlan::Diverged(2));
        assert_eq!(
            of(4, 9),
            SendPlan::Send(Sending::Replace, 0),
            "only changed here: each row shows that it is here"
        );
    }

    #[test]
    fn what_nobody_remembers_is_compared_by_its_messages() {
        let other = holds(HostState::Other, 4);
        let of = |shared, messages, translated| {
            decide(&other, LocalState { shared, translated, ..here(None, messages) })
        };
        let moved = LocalState { shared: 4, moved: true, ..here(None, 9) };
        assert_eq!(decide(&other, moved), SendPlan::Send(Sending::Replace, 0), "paths of another directory");
        assert_eq!(of(4, 9, false), SendPlan::Send(Sending::Full, 0), "remains of a try");
        assert_eq!(of(4, 9, true), SendPlan::Send(Sending::Replace, 0));
        assert_eq!(of(2, 2, false), SendPlan::Send(Sending::Full, 0), "the host is ahead");
        assert_eq!(of(2, 3, false), SendPlan::Diverged(2));
        assert_eq!(of(2, 2, true), SendPlan::Diverged(2));
    }
}
