//! Whether the devices of a worker work: said by those that run networks, heard by lanes, Health and metrics.

use std::sync::Arc;

use tokio::sync::watch;

/// What is true of the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// All of them work.
    Working,
    /// One went away, and new sessions are being made on it.
    Away,
    /// One did not come back, or hangs. This is for good: only another process helps.
    Lost,
}

/// The condition of all devices of one worker; cheap to clone.
#[derive(Debug, Clone)]
pub struct Condition(Arc<watch::Sender<Told>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    /// Devices that went away and are tried again.
    away: usize,
    lost: bool,
}

/// A device is away as long as this lives.
#[derive(Debug)]
pub(crate) struct Away(Condition);

impl Default for Condition {
    /// Everything works.
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Told { away: 0, lost: false })))
    }
}

impl Condition {
    /// What is true now.
    pub fn now(&self) -> DeviceState {
        self.0.borrow().state()
    }

    /// Whether a device is lost for good.
    pub fn is_lost(&self) -> bool {
        self.now() == DeviceState::Lost
    }

    /// Comes back when something else than `known` is true, and says what.
    pub async fn other_than(&self, known: DeviceState) -> DeviceState {
        let mut told = self.0.subscribe();
        let changed = told.wait_for(|told| told.state() != known).await;
        // The sender is `self`.
        changed.map_or(known, |told| told.state())
    }

    /// A device went away and is given a chance to come back.
    pub(crate) fn away(&self) -> Away {
        self.0.send_modify(|told| told.away += 1);
        Away(self.clone())
    }

    /// A device is gone for good.
    pub(crate) fn lose(&self) {
        self.0.send_modify(|told| told.lost = true);
    }
}

impl Told {
    fn state(self) -> DeviceState {
        match self {
            Self { lost: true, .. } => DeviceState::Lost,
            Self { away: 0, .. } => DeviceState::Working,
            Self { .. } => DeviceState::Away,
        }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        self.0.0.send_modify(|told| told.away -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn devices_work_again_when_all_are_back_and_never_after_one_is_lost() {
        let condition = Condition::default();
        assert_eq!(condition.now(), DeviceState::Working);
        let (first, second) = (condition.away(), condition.away());
        assert_eq!(condition.other_than(DeviceState::Working).await, DeviceState::Away);
        drop(first);
        assert_eq!(condition.now(), DeviceState::Away);
        drop(second);
        assert_eq!(condition.other_than(DeviceState::Away).await, DeviceState::Working);
        let away = condition.away();
        condition.lose();
        drop(away);
        assert_eq!(condition.other_than(DeviceState::Working).await, DeviceState::Lost);
    }
}
