//! Sessions with something wrong, and how they are afterwards.

use super::super::checkup::{CheckupReport, CheckupTime, ProblemKind, check, repair};
use super::super::undo::undo;
use super::*;
use proptest::prelude::*;
use serde_json::json;

const DEAD: CheckupTime = CheckupTime { now_ms: NOW, running: false };
const RUNNING: CheckupTime = CheckupTime { now_ms: NOW, running: true };

/// An id as opencode makes it.
fn id(kind: &str, ms: i64, name: &str) -> String {
    format!("{kind}_{:012x}{name:0>14}", (ms.cast_unsigned() * 0x1000 + 1) & 0xffff_ffff_ffff)
}

fn user(created: i64) -> Value {
    json!({"role": "user", "time": {"created": created}})
}

fn answer(created: i64, parent: &str) -> Value {
    json!({"role": "assistant", "parentID": parent, "time": {"created": created, "completed": created + 2}})
}

fn sound(schema: &str) -> World {
    let world = World::new(schema);
    let (one, two) = (id("msg", THEN, "one"), id("msg", THEN + 10, "two"));
    world.message(AWAY, &one, THEN, &user(THEN));
    world.part(AWAY, &one, "prt_1", &json!({"type": "text", "text": "do it"}));
    world.message(AWAY, &two, THEN + 10, &answer(THEN + 10, &one));
    world.part(AWAY, &two, "prt_2", &json!({"type": "tool", "state": {"status": "completed"}}));
    world.part(AWAY, &two, "prt_3", &json!({"type": "of-tomorrow", "state": "pending"}));
    world
}

fn found(report: &CheckupReport) -> Vec<(ProblemKind, &str, bool)> {
    report.problems.iter().map(|problem| (problem.kind, problem.id.as_str(), problem.repaired)).collect()
}

fn checked(world: &World) -> CheckupReport {
    check(&world.database, AWAY, DEAD).unwrap()
}

fn repaired(world: &World) -> CheckupReport {
    repair(&world.database, AWAY, DEAD, &world.path("before")).unwrap()
}

fn undone(world: &World) {
    undo(&world.database, &world.path("before"), &world.path("undone")).unwrap();
}

#[test]
fn a_sound_session_is_left_alone() {
    for schema in SCHEMAS {
        let world = sound(schema);
        let before = world.dump();
        let expected = CheckupReport { sessions: 1, messages: 2, parts: 3, ..CheckupReport::default() };
        assert_eq!(checked(&world), expected);
        assert_eq!(repaired(&world), expected);
        assert!(world.dump() == before);
        assert_eq!(world.files(), Vec::<String>::new());
        let unknown = check(&world.database, "ses_nowhere", DEAD).unwrap_err();
        assert_eq!(unknown.to_string(), "there is no session ses_nowhere here");
    }
}

const DAY: i64 = 86_400_000;

#[test]
fn a_session_may_be_older_than_the_time_that_fits_into_ids() {
    let world = World::new(NEW);
    for days in [2000, 1300, 900, 700, 399, 300, 0] {
        let ms = THEN - days * DAY;
        world.message(AWAY, &id("msg", ms, "old"), ms, &user(ms));
    }
    assert_eq!(checked(&world).problems, []);
}

#[test]
fn what_is_put_right_in_an_old_session_is_of_its_own_time() {
    let world = World::new(NEW);
    let ms = |n: i64| THEN - 600 * DAY + n * 1000;
    let [one, late, two] = [(0, 0), (1, 9), (2, 2)].map(|(n, in_id)| {
        let id = id("msg", ms(in_id), "old");
        world.message(AWAY, &id, ms(n), &user(ms(n)));
        id
    });
    assert_eq!(found(&checked(&world)), [(ProblemKind::OutOfOrder, two.as_str(), false)]);
    assert!(repaired(&world).changed);
    assert_eq!(checked(&world).problems, []);
    let ids = world.values("SELECT id FROM message WHERE session_id = 'ses_away' ORDER BY time_created, id");
    let ids: Vec<&str> = ids.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert_eq!(ids[..2], [one, late.clone()]);
    assert!(ids[2][..16] > late[..16] && ids[2][..10] == late[..10], "{ids:?}");
}

#[test]
fn what_a_kill_left_open_gets_an_end() {
    for schema in SCHEMAS {
        let world = sound(schema);
        let three = id("msg", THEN + 20, "three");
        let open = json!({"role": "assistant", "time": {"created": THEN + 20}, "x": "kept"});
        world.message(AWAY, &three, THEN + 20, &open);
        let running = json!({"type": "tool", "tool": "bash", "state": {"status": "running",
            "input": {"command": "sleep"}, "metadata": {"output": "half"}, "time": {"start": THEN + 21}}});
        world.part(AWAY, &three, "prt_4", &running);
        world.part(
            AWAY,
            &three,
            "prt_5",
            &json!({"type": "tool", "state": {"status": "pending", "raw": ""}}),
        );
        world.session("ses_child", "here", Some(AWAY));
        world.message("ses_child", "msg_child", THEN, &open);
        let wrote = format!("UPDATE part SET time_updated = {} WHERE id = 'prt_4'", THEN + 500);
        world.connection().execute(&wrote, []).unwrap();
        let before = world.dump();
        assert_eq!(check(&world.database, AWAY, RUNNING).unwrap().problems, []);
        let report = repair(&world.database, AWAY, RUNNING, &world.path("before")).unwrap();
        assert!(!report.changed && world.dump() == before);

        let report = repaired(&world);
        assert_eq!((report.sessions, report.changed), (2, true));
        assert_eq!(
            found(&report),
            [
                (ProblemKind::OpenCall, "prt_4", true),
                (ProblemKind::OpenCall, "prt_5", true),
                (ProblemKind::OpenMessage, three.as_str(), true),
                (ProblemKind::OpenMessage, "msg_child", true),
            ]
        );
        let state = |part: &str| -> Value {
            let query = format!("SELECT data FROM part WHERE id = '{part}'");
            serde_json::from_str(world.values(&query)[0][0].as_str().unwrap()).unwrap()
        };
        let error = "The run ended while this tool was running; its result is not known.";
        assert_eq!(
            state("prt_4"),
            json!({"type": "tool", "tool": "bash", "state": {"status": "error", "input": {"command": "sleep"},
                "error": error, "metadata": {"output": "half"}, "time": {"start": THEN + 21, "end": THEN + 500}}})
        );
        assert_eq!(
            state("prt_5")["state"],
            json!({"status": "error", "input": {}, "error": error, "time": {"start": THEN, "end": THEN}})
        );
        let ended =
            format!("SELECT data ->> '$.time.completed', data ->> '$.x' FROM message WHERE id = '{three}'");
        assert_eq!(world.values(&ended), [[json!(THEN + 20), json!("kept")]]);
        assert_eq!(checked(&world).problems, []);
        assert!(!repaired(&world).changed);
        undone(&world);
        assert!(world.dump() == before);
    }
}

#[test]
fn what_cannot_be_read_is_taken_away_and_can_be_had_back() {
    for schema in SCHEMAS {
        let world = sound(schema);
        let connection = world.connection();
        connection
            .execute_batch(&format!(
                "PRAGMA foreign_keys = OFF;
                 INSERT INTO message VALUES ('msg_bad', 'ses_away', {THEN}, 1, '{{\"role\":'),
                   ('msg_odd', 'ses_away', {THEN}, 1, '[]');
                 INSERT INTO part VALUES ('prt_a', 'msg_bad', 'ses_away', 1, 1, '{{\"type\":\"text\"}}'),
                   ('prt_b', 'msg_nowhere', 'ses_away', 1, 1, '{{\"type\":\"text\"}}'),
                   ('prt_c', '{}', 'ses_away', 1, 1, 'null'), ('prt_d', '{}', 'ses_away', 1, 1, '{{\"type\":\"te');",
                id("msg", THEN, "one"),
                id("msg", THEN, "one"),
            ))
            .unwrap();
        let before = world.dump();
        let report = repaired(&world);
        let expected = [
            (ProblemKind::BrokenMessage, "msg_bad", true),
            (ProblemKind::BrokenMessage, "msg_odd", true),
            (ProblemKind::BrokenPart, "prt_c", true),
            (ProblemKind::BrokenPart, "prt_d", true),
            (ProblemKind::PartWithoutMessage, "prt_b", true),
        ];
        assert_eq!(found(&report), expected);
        assert_eq!((checked(&world).messages, checked(&world).parts), (2, 3));
        assert_eq!(checked(&world).problems, []);
        world.assert_sound();
        let after = world.dump();
        undone(&world);
        assert!(world.dump() == before);
        undo(&world.database, &world.path("undone"), &world.path("again")).unwrap();
        assert!(world.dump() == after);
    }
}

#[test]
fn messages_ahead_of_the_clock_are_moved_back_in_their_order() {
    let world = sound(NEW);
    let later = NOW + 86_400_000;
    let (three, four) = (id("msg", later, "three"), id("msg", later + 400, "four"));
    world.message(AWAY, &three, later, &user(later));
    world.part(AWAY, &three, "prt_4", &json!({"type": "text", "text": three}));
    world.message(AWAY, &four, later + 400, &answer(later + 400, &three));
    let refers = json!({"type": "compaction", "tail_start_id": three, "text": format!("see \"{three}\"")});
    world.part(AWAY, &four, "prt_5", &refers);
    let revert = json!({"messageID": four}).to_string();
    world.connection().execute("UPDATE session SET revert = ?1 WHERE id = 'ses_away'", [&revert]).unwrap();
    let before = world.dump();
    let ahead = [(ProblemKind::Ahead, three.as_str(), true), (ProblemKind::Ahead, four.as_str(), true)];
    assert_eq!(found(&repaired(&world)), ahead);
    assert_eq!(checked(&world).problems, []);

    let (new_three, new_four) = (id("msg", NOW - 400, "three"), id("msg", NOW, "four"));
    assert_eq!(
        world.values("SELECT id, time_created, data FROM message WHERE session_id = 'ses_away' ORDER BY time_created, id")[2..],
        [
            [json!(new_three), json!(NOW - 400), json!(user(NOW - 400).to_string())],
            [json!(new_four), json!(NOW), json!(answer(NOW, &new_three).to_string())],
        ]
    );
    let refers =
        json!({"type": "compaction", "tail_start_id": new_three, "text": format!("see \"{three}\"")});
    assert_eq!(
        world.values("SELECT message_id, data FROM part WHERE id IN ('prt_4', 'prt_5') ORDER BY id"),
        [
            [json!(new_three), json!(json!({"type": "text", "text": three}).to_string())],
            [json!(new_four), json!(refers.to_string())],
        ]
    );
    let revert = json!({"messageID": new_four}).to_string();
    assert_eq!(world.values("SELECT revert FROM session WHERE id = 'ses_away'"), [[json!(revert)]]);
    undone(&world);
    assert!(world.dump() == before);
}

#[test]
fn a_database_without_undone_prompts_has_its_messages_moved_all_the_same() {
    let world = sound(NEW);
    world.connection().execute_batch("ALTER TABLE session DROP COLUMN revert").unwrap();
    let three = id("msg", NOW + DAY, "three");
    world.message(AWAY, &three, NOW + DAY, &user(NOW + DAY));
    assert_eq!(found(&repaired(&world)), [(ProblemKind::Ahead, three.as_str(), true)]);
    assert_eq!(checked(&world).problems, []);
}

#[test]
fn where_the_order_is_in_doubt_it_is_left_and_the_rest_is_settled() {
    let world = sound(NEW);
    let question = id("msg", NOW + 90_000, "question");
    let reply = id("msg", NOW + 80_000, "reply");
    world.message(AWAY, &reply, NOW + 80_000, &answer(NOW + 80_000, &question));
    world.part(AWAY, &reply, "prt_4", &json!({"type": "tool", "state": {"status": "pending"}}));
    world.message(AWAY, &question, NOW + 90_000, &user(NOW + 90_000));
    let report = repaired(&world);
    let expected = [
        (ProblemKind::OpenCall, "prt_4", true),
        (ProblemKind::Ahead, reply.as_str(), false),
        (ProblemKind::Ahead, question.as_str(), false),
    ];
    assert_eq!(found(&report), expected);
    assert!(report.changed);
    assert_eq!(checked(&world).problems.len(), 2);
}

#[test]
fn ids_that_began_anew_are_in_order() {
    let world = World::new(NEW);
    // The numbers in ids are cut to 48 bits, and those of the next millisecond begin with 0.
    let edge = (THEN >> 36) << 36;
    for (n, ms) in [edge - 5, edge - 1, edge, edge + 7].into_iter().enumerate() {
        world.message(AWAY, &id("msg", ms, &n.to_string()), ms, &user(ms));
    }
    world.message(AWAY, "msg_mine", edge + 8, &user(edge + 8));
    assert_eq!(checked(&world).problems, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_clock_was_the_order_stays(
        // Each message: when it was made, by its time and by its id, and whether it answers the one before.
        messages in prop::collection::vec((-9_000_000..9_000_000_i64, prop::option::of(-9_000_000..9_000_000_i64), any::<bool>()), 1..12),
    ) {
        let world = World::new(NEW);
        let mut times: Vec<(i64, String)> = messages
            .iter()
            .enumerate()
            .map(|(n, (time, by_id, _))| (NOW + time, id("msg", NOW + by_id.unwrap_or(*time), &n.to_string())))
            .collect();
        times.sort();
        for (n, (time, message)) in times.iter().enumerate() {
            let parent = n.checked_sub(1).filter(|_| messages[n].2).map(|n| times[n].1.clone());
            let mut data = parent.map_or_else(|| user(*time), |parent| answer(*time, &parent));
            data["n"] = json!(n);
            world.message(AWAY, message, *time, &data);
            world.part(AWAY, message, &format!("prt_{n}"), &json!({"type": "x", "messageID": message}));
        }
        let before = world.dump();
        let was_wrong = !checked(&world).problems.is_empty();
        let report = repaired(&world);
        prop_assert_eq!(report.changed, was_wrong);
        prop_assert!(report.problems.iter().all(|problem| problem.repaired));
        prop_assert_eq!(checked(&world).problems, []);
        // Each message is where it was, and so is what hangs on it; each answers the one it answered.
        let rows = world.values(
            "SELECT message.id, message.data ->> '$.n' AS n, part.id AS part, part.data ->> '$.messageID', message.time_created,
                message.data ->> '$.time.created', message.data ->> '$.parentID'
             FROM message JOIN part ON part.message_id = message.id ORDER BY message.time_created, message.id",
        );
        prop_assert_eq!(rows.len(), times.len());
        for (n, row) in rows.iter().enumerate() {
            let [id, nth, part, text, time, created, parent] = &row[..] else { panic!() };
            prop_assert_eq!((nth, part), (&json!(n), &json!(format!("prt_{n}"))));
            prop_assert_eq!((text, time), (id, created));
            prop_assert!(time.as_i64().unwrap() <= NOW + 2000);
            if n > 0 && messages[n].2 {
                prop_assert_eq!(parent, &rows[n - 1][0]);
            }
        }
        world.assert_sound();
        if was_wrong {
            undone(&world);
            prop_assert!(world.dump() == before);
        }
    }
}
