//! Runs futures in an order that chance decides; any group of them can be killed between two steps.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::time::Time;

/// Futures that die together: a process.
pub type Group = usize;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Running {
    group: Group,
    flag: Arc<Flag>,
    future: Pin<Box<dyn Future<Output = ()>>>,
}

/// Groups that are to be killed.
#[derive(Default)]
pub struct Killed(Mutex<Vec<Group>>);

impl Killed {
    pub fn kill(&self, group: Group) {
        self.0.lock().unwrap().push(group);
    }

    fn take(&self) -> Vec<Group> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Runs futures until nothing happens any more, or the end of time.
pub struct Executor {
    time: Arc<Time>,
    killed: Arc<Killed>,
    running: Vec<Running>,
}

impl Executor {
    pub fn new(time: Arc<Time>, killed: Arc<Killed>) -> Self {
        Self {
            time,
            killed,
            running: Vec::new(),
        }
    }

    pub fn spawn(&mut self, group: Group, future: impl Future<Output = ()> + 'static) {
        self.running.push(Running {
            group,
            flag: Arc::new(Flag(AtomicBool::new(true))),
            future: Box::pin(future),
        });
    }

    /// Whether a group has futures left.
    pub fn has(&self, group: Group) -> bool {
        self.running.iter().any(|running| running.group == group)
    }

    /// Makes one step; says whether there was one. Groups that died are returned.
    pub fn step(&mut self, end: Duration) -> Option<Vec<Group>> {
        loop {
            let ready = self.running.iter().enumerate();
            let ready = ready.filter(|(_, running)| running.flag.0.load(Ordering::Relaxed));
            let ready: Vec<usize> = ready.map(|(place, _)| place).collect();
            if ready.is_empty() {
                if !self.time.jump(end) {
                    return None;
                }
                continue;
            }
            let place = ready[self.time.chance(|chance| chance.below(ready.len()))];
            let running = &mut self.running[place];
            running.flag.0.store(false, Ordering::Relaxed);
            let waker = Waker::from(Arc::clone(&running.flag));
            let polled = running
                .future
                .as_mut()
                .poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(()) = polled {
                self.running.remove(place);
            }
            let killed = self.killed.take();
            self.running
                .retain(|running| !killed.contains(&running.group));
            return Some(killed);
        }
    }
}
