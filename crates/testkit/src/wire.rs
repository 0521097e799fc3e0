//! Bytes over a connection, as they come and go.

use std::{future, io, pin::Pin};

use tokio::{io::AsyncWrite, net::TcpStream};

/// Reads what is there, waiting for at least a byte; 0 at the end.
///
/// # Errors
/// What the system says.
pub async fn read_some(stream: &TcpStream, to: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(length) => {
                to.extend_from_slice(buffer.get(..length).unwrap_or_default());
                return Ok(length);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes all of the bytes.
///
/// # Errors
/// What the system says.
pub async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Says that nothing more is written.
///
/// # Errors
/// What the system says.
pub async fn end_writing(stream: &mut TcpStream) -> io::Result<()> {
    future::poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await
}
