//! What the operating system knows of this process, as client libraries of Prometheus tell it.

use crate::exposition::Exposition;

/// Clock ticks in a second: what Linux reports to user space on every architecture.
const TICKS: f64 = 100.0;

/// The `process_` metrics; empty where there is no `/proc`.
#[must_use]
pub fn process() -> String {
    let mut out = Exposition::default();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(kib) = resident_kib(&status) {
        out.family("process_resident_memory_bytes", "gauge", "Resident memory size in bytes");
        out.sample("process_resident_memory_bytes", &[], kib * 1024.0);
    }
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some(ticks) = cpu_ticks(&stat) {
        out.family("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds");
        out.sample("process_cpu_seconds_total", &[], ticks / TICKS);
    }
    out.text()
}

fn resident_kib(status: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

fn cpu_ticks(stat: &str) -> Option<f64> {
    // The name of the process may hold anything, so fields are counted after its closing parenthesis.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_the_process_is_called() {
        assert_eq!(cpu_ticks("12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20"), Some(300.0));
        assert_eq!(resident_kib("Name:\tx\nVmRSS:\t  4096 kB\n"), Some(4096.0));
        assert_eq!(cpu_ticks(""), None);
    }
}
