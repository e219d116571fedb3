//! A trip that is only thought through.

use crate::clock;
use crate::dispatch::new_id;
use crate::session::Setting;
use crate::trip::connection::HostConnection;
use crate::trip::error::TripError;
use crate::trip::send::inspect::inspect;
use crate::trip::send::local::local;
use crate::trip::send::plan::Request;
use crate::trip::send::{fitness, prompt};
use crate::trip::steps::Steps;
use crate::trip::tools::Tools;

/// What a trip would do; nothing of it was done.
#[derive(Debug)]
pub(crate) struct DryRun {
    pub title: String,
    pub messages: u64,
    /// Its size in opencode's database, in bytes.
    pub bytes: u64,
    pub directory: String,
    pub setting: Setting,
    /// opencode there: version and path.
    pub opencode: (String, String),
    /// The prompt, as the model would read it.
    pub prompt: Vec<u8>,
}

impl Request {
    /// Everything up to the first change: what would be done, or why it cannot be.
    ///
    /// # Errors
    /// Whatever a real trip would meet by then.
    pub(crate) async fn dry_run(&self, tools: &Tools) -> Result<DryRun, TripError> {
        self.check_message()?;
        let local = local(tools, &self.session)?;
        let plan = self.plan(&local.own, &tools.user_home)?;
        let mut connection = HostConnection::new(self.host.clone());
        let steps = Steps::unrecorded(tools);
        let found = inspect(tools, &steps, &mut connection, &plan, &new_id(clock::now_ms())).await?;
        fitness::check_room(&self.host, &found.facts, local.bytes)?;
        let prompt = prompt::whole(&self.host, &plan, &found.facts.directory, &self.message);
        Ok(DryRun {
            title: local.title,
            messages: local.messages,
            bytes: local.bytes,
            directory: found.facts.directory,
            setting: plan.setting,
            opencode: (found.version, found.program),
            prompt,
        })
    }
}
