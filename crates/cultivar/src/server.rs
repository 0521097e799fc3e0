//! The running server: its listeners, the ledger's publisher, the embedded teacher, and the note that says where it is.

use std::{net::SocketAddr, process, sync::Arc};

use cultivar_gateway::{Gateway, GatewayError, providers::recorded::Recording};
use cultivar_record::Purpose;
use cultivar_store::{DataDir, files};
use cultivar_telemetry::TelemetryError;
use cultivar_web::{App, Site, router, serve, teacher_router, witness_router};
use cultivar_witness::{Asked, Witness, WitnessError, keep_cosigned};
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::{
    failure::{CliError, Failure},
    opened::{DEFAULT_ORGANIZATION, Opened},
    system,
    terminal::Terminal,
};

/// Where a running server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerNote {
    /// `http://` and its address.
    pub address: String,
    /// Its process.
    pub pid: u32,
}

impl ServerNote {
    /// The note of a data directory, where there is one.
    pub(crate) fn read(dir: &DataDir) -> Option<Self> {
        serde_json::from_slice(&files::read_if_any(&dir.server()).ok()??).ok()
    }
}

/// Everything that runs until told to stop.
pub(crate) struct Server {
    /// `http://` and its address.
    pub address: String,
    /// Whoever wants the program to end.
    pub interruption: Interruption,
    dir: DataDir,
    gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    running: JoinSet<Result<(), Failure>>,
}

impl Server {
    /// Starts the publisher, and serves on an address.
    ///
    /// # Errors
    /// `serve::address`.
    pub(crate) async fn start(opened: &Opened, app: App, listen: &str, terminal: &Terminal) -> Result<Self, Failure> {
        system::open_all_files_that_may_be();
        // Commands beside this server ask it with this key.
        let organization = opened.organization(DEFAULT_ORGANIZATION, "US").await?;
        opened.own_key(&organization, Purpose::Administer).await?;
        let (listener, address) = bind(listen).await?;
        let address = format!("http://{address}");
        let (stop, stopped) = watch::channel(false);
        let mut server = Self {
            address,
            interruption: Interruption::listen()?,
            dir: opened.dir.clone(),
            gateway: Arc::clone(&opened.gateway),
            stop,
            running: JoinSet::new(),
        };
        server.spawn_publisher(&opened.gateway, stopped.clone(), terminal.clone());
        server.spawn_cosigning(&opened.witnesses, stopped.clone(), terminal.clone());
        let told = terminal.clone();
        let tell = move |error: TelemetryError| told.warning(&error);
        opened.telemetry.start(Arc::clone(&opened.gateway), tell);
        let site = Site::new(app.clone(), router(app));
        server.running.spawn(run(listener, site, stopped));
        let note = ServerNote {
            address: server.address.clone(),
            pid: process::id(),
        };
        let text = cultivar_record::canonical_json(&note)?;
        server.dir.write(&server.dir.server(), text.as_bytes())?;
        Ok(server)
    }

    /// Starts the embedded teacher on a free loopback port and joins it to the door.
    pub(crate) async fn start_teacher(&mut self, gateway: &Gateway, recording: Recording) -> Result<(), Failure> {
        let (listener, address) = bind("127.0.0.1:0").await?;
        gateway.join_teacher(format!("http://{address}/v1"));
        self.running.spawn(run(
            listener,
            Site::from(teacher_router(Arc::new(recording))),
            self.stop.subscribe(),
        ));
        Ok(())
    }

    fn spawn_publisher(&mut self, gateway: &Arc<Gateway>, stopped: watch::Receiver<bool>, terminal: Terminal) {
        let gateway = Arc::clone(gateway);
        let tell = move |error: GatewayError| terminal.warning(&error);
        self.running.spawn(async move {
            gateway.publish_until(wait(stopped), tell).await;
            Ok(())
        });
    }

    /// Has tree heads cosigned, where witnesses are configured.
    fn spawn_cosigning(&mut self, witnesses: &[Asked], stopped: watch::Receiver<bool>, terminal: Terminal) {
        if witnesses.is_empty() {
            return;
        }
        let (gateway, witnesses) = (Arc::clone(&self.gateway), witnesses.to_vec());
        let tell = move |error: WitnessError| terminal.warning(&error);
        self.running.spawn(async move {
            keep_cosigned(gateway, witnesses, wait(stopped), tell).await;
            Ok(())
        });
    }

    /// Waits until somebody interrupts the program, or a listener fails.
    pub(crate) async fn until_interrupted(&mut self) -> Result<(), Failure> {
        tokio::select! {
            () = self.interruption.heard() => Ok(()),
            ended = self.running.join_next() => match ended {
                Some(Ok(result)) => result,
                Some(Err(error)) => Err(CliError::Server { reason: error.to_string() }.into()),
                None => Ok(()),
            },
        }
    }

    /// Stops accepting, lets what is under way finish, removes the note.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.gateway.stop_soon();
        let _ = self.stop.send(true);
        while let Some(ended) = self.running.join_next().await {
            ended.map_err(|e| CliError::Server { reason: e.to_string() })??;
        }
        Ok(files::remove(&self.dir.server())?)
    }
}

/// Serves a witness until interrupted; its address is told once it listens.
pub(crate) async fn serve_witness(
    listen: &str,
    witness: Arc<Witness>,
    tell: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let (listener, address) = bind(listen).await?;
    let mut interruption = Interruption::listen()?;
    tell(address);
    let site = Site::from(witness_router(witness, Arc::new(system::System)));
    let served = serve(listener, site, async move { interruption.heard().await });
    served
        .await
        .map_err(|e| CliError::Server { reason: e.to_string() }.into())
}

async fn bind(listen: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let wrong = |reason: String| CliError::Address {
        address: listen.to_owned(),
        reason,
    };
    let listener = TcpListener::bind(listen).await.map_err(|e| wrong(e.to_string()))?;
    let address = listener.local_addr().map_err(|e| wrong(e.to_string()))?;
    Ok((listener, address))
}

async fn run(listener: TcpListener, site: Site, stopped: watch::Receiver<bool>) -> Result<(), Failure> {
    serve(listener, site, wait(stopped))
        .await
        .map_err(|e| CliError::Server { reason: e.to_string() }.into())
}

async fn wait(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Ctrl-C and the request to end, heard from the moment this is made: it is made before anybody is told that the program runs.
pub(crate) struct Interruption {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruption {
    /// Begins to listen.
    ///
    /// # Errors
    /// `cli::runtime`.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| CliError::Runtime { reason: e.to_string() });
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Returns once the program was interrupted or asked to end.
    pub(crate) async fn heard(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
