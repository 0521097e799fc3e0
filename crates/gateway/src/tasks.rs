//! The tracked task set: whatever runs beside a request is waited for before the process ends.

use std::{
    future::Future,
    sync::{Mutex, OnceLock, PoisonError},
};

use tokio::{runtime::Handle, task::JoinSet};

/// Tasks under way.
#[derive(Debug, Default)]
pub struct Tasks {
    set: Mutex<JoinSet<()>>,
    runtime: OnceLock<Handle>,
}

impl Tasks {
    /// Runs every later task on this runtime, wherever it is started: one that outlives the threads of requests.
    pub fn run_on(&self, runtime: Handle) {
        // The first one stays: a process has one such runtime.
        let _ = self.runtime.set(runtime);
    }

    /// Starts a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        while set.try_join_next().is_some() {}
        match self.runtime.get() {
            Some(runtime) => set.spawn_on(task, runtime),
            None => set.spawn(task),
        };
    }

    /// Waits for all tasks to end.
    pub async fn drain(&self) {
        let mut set = std::mem::take(&mut *self.set.lock().unwrap_or_else(PoisonError::into_inner));
        while set.join_next().await.is_some() {}
    }
}
