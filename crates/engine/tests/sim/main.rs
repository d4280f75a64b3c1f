//! The simulator: the engine on a store that fails, with workers that die, stop and disagree about the time, all from one seed.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

mod actions;
mod agent;
mod check;
mod executor;
mod forge;
mod sabotage;
mod time;
mod world;

use std::collections::BTreeMap;

use sabotage::Sabotage;
use world::{Coverage, World};

/// Seeds of the ordinary run; `PULLMILL_SIM_SEEDS` asks for more, `PULLMILL_SIM_FIRST` for others.
const SEEDS: u64 = 2_000;
/// Seeds in which each planted mistake has to be found.
const CONTROL_SEEDS: u64 = 1_000;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// Runs one seed; says what was violated.
fn run(seed: u64, sabotage: Sabotage, coverage: &mut Coverage) -> Option<String> {
    let actions = actions::of_seed(seed);
    World::new(seed, sabotage).run(&actions, coverage)
}

/// Drops actions as long as something is still violated.
fn shrunk(seed: u64, sabotage: Sabotage) -> (Vec<actions::Action>, String) {
    let mut actions = actions::of_seed(seed);
    let violates = |actions: &[actions::Action]| {
        World::new(seed, sabotage).run(actions, &mut Coverage::default())
    };
    let mut reason = violates(&actions).unwrap();
    let mut place = 0;
    while place < actions.len() {
        let mut fewer = actions.clone();
        fewer.remove(place);
        match violates(&fewer) {
            Some(other) => (actions, reason) = (fewer, other),
            None => place += 1,
        }
    }
    (actions, reason)
}

/// I1–I9, I11, I14–I19, I22–I30 and I33.
#[test]
fn no_seed_violates_an_invariant() {
    let first = number("PULLMILL_SIM_FIRST", 0);
    let seeds = number("PULLMILL_SIM_SEEDS", SEEDS);
    let mut coverage = Coverage::default();
    for seed in first..first + seeds {
        if let Some(reason) = run(seed, Sabotage::None, &mut coverage) {
            let (actions, shrunk) = shrunk(seed, Sabotage::None);
            panic!(
                "seed {seed}: {reason}\nshrunk to {} actions: {shrunk}\n{actions:#?}",
                actions.len()
            );
        }
    }
    println!("{seeds} seeds, no violation\n{coverage}");
    assert_eq!(
        coverage.never(),
        BTreeMap::new(),
        "some of it was never tried"
    );
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        let mut runs = [Coverage::default(), Coverage::default()];
        for coverage in &mut runs {
            run(seed, Sabotage::None, coverage);
        }
        assert_eq!(runs[0].to_string(), runs[1].to_string(), "seed {seed}");
    }
}

/// The negative controls: without the defence, the simulator sees it.
#[test]
fn every_planted_mistake_is_found() {
    for sabotage in Sabotage::ALL {
        // The mistake may be seen by another invariant first; its own has to see it, too.
        let is_own = |reason: &String| reason.starts_with(sabotage.invariant());
        let found = (0..CONTROL_SEEDS).find_map(|seed| {
            let reason = run(seed, sabotage, &mut Coverage::default());
            Some((seed, reason.filter(is_own)?))
        });
        let Some((seed, reason)) = found else {
            panic!("{sabotage:?} was not found in {CONTROL_SEEDS} seeds");
        };
        println!("{sabotage:?}: seed {seed}: {reason}");
    }
}
