//! The bare receiver: takes bodies, packs them, appends them to a file and answers when they are on the disk. It verifies and knows nothing.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::Result;

type Waiting = (Vec<u8>, Sender<()>);

/// Serves until it is killed; says where on standard output.
pub(crate) fn serve(path: &Path) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let (sender, receiver) = channel::<Waiting>();
    let file = File::create(path)?;
    std::thread::spawn(move || append(file, &receiver));
    for stream in listener.incoming() {
        let (stream, sender) = (stream?, sender.clone());
        std::thread::spawn(move || converse(stream, &sender));
    }
    Ok(())
}

/// Writes what has come in, syncs once, answers all.
fn append(mut file: File, receiver: &Receiver<Waiting>) -> std::io::Result<()> {
    while let Ok(first) = receiver.recv() {
        let mut group = vec![first];
        group.extend(receiver.try_iter());
        let bodies: Vec<u8> = group
            .iter()
            .flat_map(|(body, _)| body.iter().copied())
            .collect();
        file.write_all(&bodies)?;
        file.sync_data()?;
        for (_, answer) in group {
            let _ = answer.send(());
        }
    }
    Ok(())
}

fn converse(mut stream: TcpStream, sender: &Sender<Waiting>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(64 << 10, stream.try_clone()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (answer, answered) = channel();
        let _ = sender.send((zstd::bulk::compress(&body, 1)?, answer));
        answered.recv()?;
        stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
    }
}
