//! How often a client may guess a password.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many different passwords may be wrong in one [`PERIOD`]. One that was found wrong before is not tried again, and is
/// not counted either: a node with an old password keeps nobody out.
const MOST: u32 = 10;
const PERIOD: Duration = Duration::from_secs(60);
/// Of so many addresses it is known.
const ADDRESSES: usize = 4096;

/// The wrong passwords of each address.
#[derive(Default)]
pub(crate) struct Guesses {
    counts: Mutex<HashMap<IpAddr, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    since: Instant,
    wrong: u32,
}

/// A password that is being verified. It counts as wrong unless it was right, so that many at once get no further.
pub(crate) struct Guess {
    guesses: Arc<Guesses>,
    address: IpAddr,
}

impl Guesses {
    /// Lets a client try, or says how long it has to wait.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Guess, Duration> {
        let (address, now) = (network(address), Instant::now());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= ADDRESSES {
            counts.retain(|_, count| now - count.since < PERIOD);
        }
        let count = counts.entry(address).or_insert(Count { since: now, wrong: 0 });
        if now - count.since >= PERIOD {
            *count = Count { since: now, wrong: 0 };
        }
        if count.wrong >= MOST {
            return Err((PERIOD - (now - count.since)).max(Duration::from_secs(1)));
        }
        count.wrong += 1;
        Ok(Guess { guesses: Arc::clone(self), address })
    }
}

impl Guess {
    /// It was no guess.
    pub(crate) fn was_right(self) {
        let mut counts = self.guesses.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            count.wrong = count.wrong.saturating_sub(1);
        }
    }
}

/// What one client has: of IPv6 that is a network (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    const HOST: u128 = u64::MAX as u128;
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !HOST).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_has_to_wait_and_nobody_else() {
        let guesses = Arc::new(Guesses::default());
        let bad: IpAddr = "10.0.0.1".parse().expect("an address");
        for _ in 0..100 {
            guesses.admit(bad).unwrap_or_else(|_| panic!("right ones are not counted")).was_right();
        }
        for _ in 0..MOST {
            assert!(guesses.admit(bad).is_ok());
        }
        let wait = guesses.admit(bad).err().expect("it has to wait");
        assert!(wait <= PERIOD && wait >= Duration::from_secs(1));
        assert!(guesses.admit("10.0.0.2".parse().expect("an address")).is_ok());
        assert!(guesses.admit("::ffff:10.0.0.1".parse().expect("an address")).is_err(), "the same in other clothes");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let guesses = Arc::new(Guesses::default());
        let of = |host: u32| -> IpAddr { format!("fd00::{host:x}").parse().expect("an address") };
        assert!((0..MOST).all(|host| guesses.admit(of(host)).is_ok()));
        assert!(guesses.admit(of(99)).is_err());
        assert!(guesses.admit("fd00:0:0:1::1".parse().expect("an address")).is_ok());
    }
}
