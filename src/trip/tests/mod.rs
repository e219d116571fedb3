//! What no room below this one can try alone.

mod fuzz;
