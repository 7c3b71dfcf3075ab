//! The file of a Unix socket: made, found stale, and removed without touching anybody else's.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

/// How many connections the kernel may take ahead of us; `net.core.somaxconn` bounds it further.
const BACKLOG: i32 = 1024;

/// The file of a socket that this process has bound. Removed when dropped, if it is still that.
pub(in super::super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Which file it is, whatever its name. The number is not used again while the socket is open.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// That of the socket at `path`; `None` where there is nothing.
    fn of(path: &Path) -> io::Result<Option<Self>> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !found.file_type().is_socket() {
            let words = format!("{} exists and is no socket", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, words));
        }
        Ok(Some(Self {
            device: found.dev(),
            inode: found.ino(),
        }))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if !matches!(Identity::of(&self.path), Ok(Some(there)) if there == self.identity) {
            tracing::debug!(path = %self.path.display(), "another socket has taken this name");
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the socket's file is left");
        }
    }
}

/// Binds a socket at `path` and listens.
pub(super) async fn bind(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    /// Others may bind and go in between; more often than this is no coincidence.
    const ATTEMPTS: usize = 10;
    let path = std::path::absolute(path)?;
    let address = SockAddr::unix(&path)?;
    for _ in 0..ATTEMPTS {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        match socket.bind(&address) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                clear(&path, &address).await?;
                continue;
            }
            Err(error) => return Err(error),
        }
        let Some(identity) = Identity::of(&path)? else {
            continue;
        };
        let file = SocketFile { path, identity };
        if let Some(mode) = mode {
            // Nobody can connect before it listens.
            fs::set_permissions(&file.path, fs::Permissions::from_mode(mode))?;
        }
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        return Ok((socket.into(), file));
    }
    Err(taken(&path))
}

/// Removes the socket at `path` if nobody listens at it.
async fn clear(path: &Path, address: &SockAddr) -> io::Result<()> {
    /// Between its bind and its listen, a process that is just starting looks like one that is gone.
    const PAUSE: Duration = Duration::from_millis(20);
    let Some(stale) = Identity::of(path)? else {
        return Ok(());
    };
    for pause in [Duration::ZERO, PAUSE, PAUSE] {
        tokio::time::sleep(pause).await;
        let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // A full backlog would block, and is somebody's too.
        probe.set_nonblocking(true)?;
        match probe.connect(address).map_err(|error| error.kind()) {
            Err(io::ErrorKind::ConnectionRefused) => {}
            Err(io::ErrorKind::NotFound) => return Ok(()),
            _ => return Err(taken(path)),
        }
    }
    // Under a name of its own it can be looked at once more before it is gone for good: another
    // process may have replaced it since.
    let aside = aside(path);
    match fs::rename(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    if !matches!(Identity::of(&aside), Ok(Some(moved)) if moved == stale) {
        // Fails where a third one has bound meanwhile: then that one is found next.
        let _ = fs::hard_link(&aside, path);
    }
    fs::remove_file(&aside)
}

fn taken(path: &Path) -> io::Error {
    let words = format!("somebody listens at {} already", path.display());
    io::Error::new(io::ErrorKind::AddrInUse, words)
}

/// A name beside `path` that nobody else uses.
fn aside(path: &Path) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".stale-{}-{number}", std::process::id()));
    path.with_file_name(name)
}
