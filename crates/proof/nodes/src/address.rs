//! Addresses for pods: each pod its own, no two pods one.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

/// Where pods are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Statuses only: pods have addresses from 10.0.0.0/8 and nobody listens there.
    None,
    /// Each pod serves its container ports on its own address in 127.0.0.0/8, which needs no set-up on Linux. A real
    /// API server refuses such addresses in EndpointSlices; the embedded one takes them.
    Loopback,
    /// One server plays every pod, told apart by the address that a connection was made to: for a network namespace
    /// whose loopback interface has the whole prefix.
    Network {
        /// The prefix's first address.
        prefix: Ipv4Addr,
        /// Its length in bits, 8 to 28.
        bits: u8,
        /// Where the server listens, say `0.0.0.0:8080`.
        listen: SocketAddr,
    },
}

/// Hands out addresses.
#[derive(Debug)]
pub(crate) struct Allocator {
    first: u32,
    size: u32,
    next: u32,
    used: BTreeSet<Ipv4Addr>,
}

/// Addresses at a prefix's start that no pod gets: the node's own and a few to spare.
const RESERVED: u32 = 10;

/// 127.16.0.0 up to 127.255.255.255: well away from the addresses that people use themselves.
const LOOPBACK_FIRST: u32 = 0x7f10_0000;
const LOOPBACK_SIZE: u32 = 0x00f0_0000;

impl Allocator {
    /// `start` picks the first address to hand out, so that two doubles on one machine seldom meet.
    pub(crate) fn new(addresses: Addresses, start: u32) -> Self {
        let (first, size) = match addresses {
            Addresses::None => (u32::from(Ipv4Addr::new(10, 0, 0, 0)), 1 << 24),
            Addresses::Loopback => (LOOPBACK_FIRST, LOOPBACK_SIZE),
            Addresses::Network { prefix, bits, .. } => {
                let bits = u32::from(bits.clamp(8, 28));
                (u32::from(prefix) & (u32::MAX << (32 - bits)), 1 << (32 - bits))
            }
        };
        let next = if addresses == Addresses::Loopback { start % size } else { 0 };
        Self { first, size, next, used: BTreeSet::new() }
    }

    /// The address that the nodes have.
    pub(crate) fn host(&self) -> Ipv4Addr {
        if self.first == LOOPBACK_FIRST { Ipv4Addr::LOCALHOST } else { Ipv4Addr::from(self.first + 1) }
    }

    /// Takes this very address, if it is in range and free.
    pub(crate) fn claim(&mut self, address: Ipv4Addr) -> bool {
        let offset = u32::from(address).wrapping_sub(self.first);
        offset < self.size && self.used.insert(address)
    }

    /// The next free address; none when all are taken.
    pub(crate) fn next(&mut self) -> Option<Ipv4Addr> {
        for _ in 0..self.size {
            let offset = self.next;
            self.next = (self.next + 1) % self.size;
            let address = Ipv4Addr::from(self.first + offset);
            let plain = RESERVED <= offset && !matches!(address.octets()[3], 0 | 255);
            if plain && self.used.insert(address) {
                return Some(address);
            }
        }
        None
    }

    /// Gives an address back. It comes round again last, so that late connections meet nobody.
    pub(crate) fn free(&mut self, address: Ipv4Addr) {
        self.used.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_never_shared_and_come_round_again() {
        let listen = "0.0.0.0:80".parse().unwrap();
        let mut pool =
            Allocator::new(Addresses::Network { prefix: Ipv4Addr::new(10, 0, 0, 7), bits: 28, listen }, 99);
        assert_eq!(pool.host(), Ipv4Addr::new(10, 0, 0, 1));
        let all: Vec<_> = std::iter::from_fn(|| pool.next()).collect();
        assert_eq!(all, (10..=15).map(|last| Ipv4Addr::new(10, 0, 0, last)).collect::<Vec<_>>());
        pool.free(all[2]);
        assert!(pool.claim(all[2]) && !pool.claim(all[2]));
        assert!(!pool.claim(Ipv4Addr::new(10, 0, 1, 1)), "outside the prefix");
    }

    #[test]
    fn loopback_addresses_stay_in_127() {
        let mut pool = Allocator::new(Addresses::Loopback, u32::MAX);
        let all: BTreeSet<_> = (0..2000).filter_map(|_| pool.next()).collect();
        assert_eq!(all.len(), 2000);
        assert!(
            all.iter()
                .all(|a| a.octets()[0] == 127 && 16 <= a.octets()[1] && !matches!(a.octets()[3], 0 | 255))
        );
    }
}
