//! Bad input and faults: one clear sentence, the step, the cure; nothing lost, nothing left behind.

mod bad_input;
mod coming_home;
mod hosts;
mod interrupted;
mod runs;
mod scene;
mod terminal;
mod turns;
