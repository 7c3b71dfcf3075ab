//! The file of a Unix socket: made, found stale, and removed without touching anybody else's.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::time::Instant;

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
    let path = std::path::absolute(path)?;
    let address = SockAddr::unix(&path)?;
    let _turn = turn(&path).await?;
    clear(&path, &address).await?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&address)?;
    let Some(identity) = Identity::of(&path)? else {
        let words = format!("somebody removed {} as it was made", path.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, words));
    };
    let file = SocketFile { path, identity };
    if let Some(mode) = mode {
        // Nobody can connect before it listens.
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((socket.into(), file))
}

/// Waits until nobody else is binding a socket in the directory of `path`: between finding a stale
/// file and listening in its place lie several calls, and two who made them side by side would both
/// have the name. The lock is the directory's own, so that nothing is left behind.
///
/// `None` where the directory cannot be locked: one that may be written and not read, or a file
/// system without locks. Whoever is alone there needs none.
async fn turn(path: &Path) -> io::Result<Option<File>> {
    const PAUSE: Duration = Duration::from_millis(5);
    /// Nobody needs this long; somebody holds the directory for a purpose of its own.
    const PATIENCE: Duration = Duration::from_secs(5);
    let directory = path.parent().unwrap_or(path);
    let lock = match File::open(directory) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::debug!(path = %directory.display(), %error, "the directory is not locked");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {}
            Err(TryLockError::WouldBlock) => {
                let words = format!("somebody else keeps {} locked", directory.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            Err(TryLockError::Error(error)) => {
                tracing::debug!(path = %directory.display(), %error, "the directory is not locked");
                return Ok(None);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Removes the socket at `path` if nobody listens at it.
async fn clear(path: &Path, address: &SockAddr) -> io::Result<()> {
    /// Between its bind and its listen, another kind of program that is just starting looks like one
    /// that is gone.
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
    match Identity::of(path)? {
        Some(there) if there == stale => fs::remove_file(path),
        Some(_) => Err(taken(path)),
        None => Ok(()),
    }
}

fn taken(path: &Path) -> io::Error {
    let words = format!("somebody listens at {} already", path.display());
    io::Error::new(io::ErrorKind::AddrInUse, words)
}
