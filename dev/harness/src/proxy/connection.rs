//! Forwarding of one connection, by the proxy's current mode and delay.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::postgres_messages::Messages;
use super::{Mode, Shared, Side};

pub(super) async fn accept(listener: TcpListener, target: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(serve(client, target, shared.clone()));
    }
}

async fn serve(client: TcpStream, target: SocketAddr, shared: Arc<Shared>) {
    let mut mode = shared.mode.subscribe();
    let first = *mode.borrow_and_update();
    if first == Mode::Refuse {
        return;
    }
    if first == Mode::BlackHole {
        // The connection closes when the black hole ends: the server never knew it.
        let _client = client;
        return until(&mut mode, |mode| mode != Mode::BlackHole).await;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let last = Mutex::new(Side::Server);
    let forward = async {
        tokio::select! {
            () = copy(from_client, to_server, Side::Client, &last, &shared) => {}
            () = copy(from_server, to_client, Side::Server, &last, &shared) => {}
        }
    };
    tokio::select! { () = forward => {}, () = until(&mut mode, |mode| mode == Mode::Refuse) => {} }
}

async fn until(mode: &mut watch::Receiver<Mode>, condition: impl Fn(Mode) -> bool) {
    drop(mode.wait_for(|mode| condition(*mode)).await);
}

/// Forwards one direction. `last` is the side that sent last.
async fn copy(mut from: OwnedReadHalf, to: OwnedWriteHalf, side: Side, last: &Mutex<Side>, shared: &Shared) {
    let mut silenced = shared.silenced.subscribe();
    let mut mode = shared.mode.subscribe();
    silenced.mark_unchanged();
    let (sender, queue) = mpsc::unbounded_channel();
    let mut messages = Messages::default();
    let read = async move {
        // Moved into this block so that it is dropped at the end: `write` then finishes the queue
        // and ends.
        let sender = sender;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = tokio::select! {
                read = from.read(&mut buffer) => read,
                _ = silenced.changed() => return pending().await,
                () = until(&mut mode, |mode| mode == Mode::BlackHole) => return pending().await,
            };
            let Ok(length @ 1..) = read else { return };
            let bytes = &buffer[..length];
            if shared.traffic.pauses(side, bytes) {
                return pending().await;
            }
            shared.traffic.record(side, last, &mut messages, bytes);
            let due = Instant::now() + *shared.delay.borrow();
            if sender.send((due, bytes.to_vec())).is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write(to, queue));
}

async fn write(mut to: OwnedWriteHalf, mut queue: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>) {
    while let Some((due, bytes)) = queue.recv().await {
        if due > Instant::now() {
            sleep_until(due).await;
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
