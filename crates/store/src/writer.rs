//! The writer: one thread, one connection, many jobs to a commit.
//!
//! While a commit is on its way to the disk, jobs gather; the next transaction takes all of them. Each runs in a savepoint of
//! its own, so that one that fails takes nothing with it.

use std::{sync::mpsc, thread};

use crate::{Connection, Statements, StoreError, engine::transaction};

/// Most jobs that share a commit: enough that the disk is never the limit, few enough that nobody waits long.
const MOST_JOBS_PER_COMMIT: usize = 256;

pub(crate) struct Writer {
    queue: mpsc::Sender<Order>,
}

/// What the writer is asked for.
enum Order {
    /// To do a job, in a transaction that others share.
    Do(Box<dyn Job>),
    /// To write everything anew, and to say what came of it.
    Compact(mpsc::Sender<Result<(), StoreError>>),
}

impl Writer {
    pub(crate) fn start(connection: Box<dyn Connection>) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel();
        thread::Builder::new()
            .name("cultivar-writer".to_owned())
            .spawn(move || run(connection, &jobs))
            .map_err(|e| StoreError::Database {
                reason: format!("the writer thread cannot start: {e}"),
            })?;
        Ok(Self { queue })
    }

    /// Queues a job; `reply` hears its result once that is durable.
    pub(crate) fn submit<T, F>(
        &self,
        work: F,
        reply: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Statements) -> Result<T, StoreError> + Send + 'static,
    {
        let job = Pending {
            work: Some(work),
            result: None,
            reply,
        };
        self.queue
            .send(Order::Do(Box::new(job)))
            .map_err(|_| StoreError::closed())
    }

    /// Writes everything anew, after the jobs that wait. Blocks.
    pub(crate) fn compact(&self) -> Result<(), StoreError> {
        let (reply, result) = mpsc::channel();
        self.queue
            .send(Order::Compact(reply))
            .map_err(|_| StoreError::closed())?;
        result.recv().map_err(|_| StoreError::closed())?
    }
}

trait Job: Send {
    fn run(&mut self, statements: &mut dyn Statements) -> Result<(), StoreError>;
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Pending<T, F, R> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: R,
}

impl<T, F, R> Job for Pending<T, F, R>
where
    T: Send,
    F: FnOnce(&mut dyn Statements) -> Result<T, StoreError> + Send,
    R: FnOnce(Result<T, StoreError>) + Send,
{
    fn run(&mut self, statements: &mut dyn Statements) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else { return Ok(()) };
        statements.execute("SAVEPOINT job", &[])?;
        let result = work(statements);
        if let Err(error) = &result {
            // A full disk makes the engine roll back everything: the whole group then fails, and for that reason.
            if statements.execute("ROLLBACK TO SAVEPOINT job", &[]).is_err() {
                return Err(error.clone());
            }
        }
        statements.execute("RELEASE SAVEPOINT job", &[])?;
        self.result = Some(result);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        let result = committed.and_then(|()| result.unwrap_or_else(|| Err(StoreError::closed())));
        reply(result);
    }
}

fn run(mut connection: Box<dyn Connection>, orders: &mpsc::Receiver<Order>) {
    while let Ok(first) = orders.recv() {
        let (mut group, mut replies) = (Vec::new(), Vec::new());
        let more = orders.try_iter().take(MOST_JOBS_PER_COMMIT - 1);
        for order in std::iter::once(first).chain(more) {
            match order {
                Order::Do(job) => group.push(job),
                Order::Compact(reply) => replies.push(reply),
            }
        }
        if !group.is_empty() {
            let committed = transaction(connection.as_mut(), "BEGIN IMMEDIATE", |connection| {
                group.iter_mut().try_for_each(|job| job.run(connection.statements()))
            });
            for job in group {
                job.finish(committed.clone());
            }
        }
        for reply in replies {
            // Whoever asked and has gone needs no answer.
            let _ = reply.send(connection.compact());
        }
    }
}
