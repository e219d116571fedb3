//! A connection as async code uses it: each call runs on a worker thread, one at a time.

use crate::transport::{Transport, TransportError};

/// One connection. It is lent to a worker thread for each call, so no two calls can overlap.
pub(crate) struct Link {
    transport: Option<Box<dyn Transport>>,
}

impl Link {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport: Some(transport) }
    }

    /// Runs `call` with the connection on a worker thread. If the future is dropped meanwhile the
    /// call goes on there by itself, and the connection is gone for everybody else.
    pub(crate) async fn call<T: Send + 'static>(
        &mut self,
        call: impl FnOnce(&mut dyn Transport) -> Result<T, TransportError> + Send + 'static,
    ) -> Result<T, TransportError> {
        let gone = || TransportError::Lost {
            during: "waiting".to_owned(),
            detail: "the connection is closed".to_owned(),
        };
        let mut transport = self.transport.take().ok_or_else(gone)?;
        let worker = tokio::task::spawn_blocking(move || {
            let result = call(transport.as_mut());
            (transport, result)
        });
        let (transport, result) = worker.await.map_err(|_| gone())?;
        self.transport = Some(transport);
        result
    }
}
