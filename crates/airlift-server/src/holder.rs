//! Who listens on a port already.

use std::net::SocketAddr;

/// The process that listens on a port, `nginx (process 812)`, where this user may know it.
pub(crate) fn holder(address: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = fs_err::read_to_string(table).ok()?;
        table.lines().skip(1).find_map(|line| listening_inode(line, address.port()))
    })?;
    let socket = format!("socket:[{inode}]");
    let processes = fs_err::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
    });
    for process in processes {
        let Ok(files) = fs_err::read_dir(format!("/proc/{process}/fd")) else { continue };
        let holds =
            |file: fs_err::DirEntry| fs_err::read_link(file.path()).is_ok_and(|link| link.as_os_str() == &*socket);
        if files.flatten().any(holds) {
            let name = fs_err::read_to_string(format!("/proc/{process}/comm")).ok()?;
            return Some(format!("{} (process {process})", name.trim()));
        }
    }
    None
}

/// The inode of a listening socket on a port, from a line of `/proc/net/tcp` (proc_pid_net(5)).
fn listening_inode(line: &str, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (*fields.get(1)?, *fields.get(3)?, *fields.get(9)?);
    let (_, local_port) = local.rsplit_once(':')?;
    (state == LISTEN && u16::from_str_radix(local_port, 16).ok()? == port).then(|| inode.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let found = holder(address).expect("a holder");
        assert!(found.contains(&format!("(process {})", std::process::id())), "{found}");
        drop(listener);
        assert_eq!(holder(address), None);
    }
}
