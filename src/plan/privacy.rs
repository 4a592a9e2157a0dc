//! What a config promises of privacy, and whether it can be kept.

use super::check::{PlanError, require};
use super::{Plan, selection};
use crate::aggregate::combine;
use crate::algorithm::{self, Algorithm};
use crate::config::{Config, Mode};
use crate::privacy::{Noise, Privacy, Sampling};
use crate::select::{self, List};
use crate::update::{self, Updates};
use crate::weights::{Layout, Weigh};
use serde_yaml::Value;

impl Plan {
    /// Makes sure that noise covers all that is learned of clients.
    ///
    /// # Errors
    /// A model that keeps more than it trains.
    pub fn check_cover(&self, layout: &Layout) -> Result<(), PlanError> {
        let covers = self.privacy.is_none() || layout.trained() == layout.length();
        let reason = "it keeps running means of batch normalisation, which noise does not cover \
                      (hint: norm=group)";
        require("model", &self.config.model, covers, reason)
    }
}

/// Whether all that an algorithm hears of clients are their changes, which may weigh alike.
pub(super) fn is_covered(algorithm: &dyn Algorithm) -> bool {
    let shape = algorithm.shape(1);
    shape.first.is_empty() && shape.said.is_empty() && !matches!(shape.weigh, Weigh::Own(_))
}

/// Why an algorithm is refused.
pub(super) const UNCOVERED: &str = "it hears more of clients than their changes, which noise does \
     not cover (hint: an algorithm such as fedavg or fedprox, or no `noise` in --update)";

/// Noise suits all other settings.
pub(super) fn check(config: &Config) -> Result<(), PlanError> {
    let updates = Updates::make(&config.update)?;
    let Some((noise, bound)) = updates.noise() else { return Ok(()) };
    let refuse = |holds, reason| require("update", &config.update, holds, reason);
    refuse(config.mode == Mode::Sync, "`noise` is for rounds, and --mode async has none")?;
    let hint = "`noise` comes last, right after what bounds changes (hint: \
                `clip:norm=1;noise:noise_multiplier=1`)";
    refuse(bound.is_some(), hint)?;
    let is_told = noise.noise_multiplier.is_some() || noise.epsilon.is_some();
    refuse(is_told, "`noise` needs its size (hint: --noise_multiplier, or --epsilon to keep)")?;
    let over = "it lets the fastest count, and how fast a client is depends on its samples, which \
                noise does not cover (hint: leave it out)";
    require("over_select", config.over_select, config.over_select == 1.0, over)?;
    let back = "it depends on more of the data than the noise covers (hint: leave it out)";
    require("fall_back", true, !config.fall_back, back)?;
    let combine = config.combine.clone().unwrap_or_default();
    let mean = combine::make(&combine)?.is_none();
    require("combine", &combine, mean, "`noise` is sized for the mean (hint: mean)")?;
    let algorithm = config.algorithm.clone().unwrap_or_default();
    let covered = is_covered(algorithm::make(&algorithm)?.as_ref());
    require("algorithm", &algorithm, covered, UNCOVERED)
}

/// Whether clients keep something from one training to the next.
fn keeps(config: &Config, updates: &Updates) -> Result<bool, PlanError> {
    let algorithm = algorithm::make(&config.algorithm.clone().unwrap_or_default())?;
    Ok(algorithm.shape(1).kept > 0 || updates.kept(1) > 0)
}

/// What a config promises, which goes with so many clients. The noise that keeps a budget is noted
/// in the config, so that a run that goes on longer keeps it.
///
/// # Errors
/// Cohorts that tell something of what clients have; budgets that no noise keeps, or that no round
/// does.
pub(super) fn promised(config: &mut Config, clients: usize) -> Result<Option<Privacy>, PlanError> {
    let updates = Updates::make(&config.update)?;
    let Some((noise, Some(norm))) = updates.noise() else { return Ok(None) };
    let cohort = config.client_num_per_round as u32;
    let sampling = sampling(config, clients)?;
    let fixed = matches!(sampling, Sampling::Fixed(_)) && keeps(config, &updates)?;
    let reason = "what clients keep from one training to the next tells who took part before, which \
                  hides nobody in cohorts of fixed size (hint: poisson)";
    require("client_selection", &config.client_selection, !fixed, reason)?;
    let multiplier = match noise.noise_multiplier {
        Some(multiplier) => multiplier,
        None => least(config, noise, sampling)?,
    };
    if let Some(choice) = config.update.0.last_mut() {
        choice
            .values
            .insert("noise_multiplier".into(), Value::from(multiplier));
    }
    let of_mean = Noise {
        norm,
        multiplier,
        cohort,
    };
    let privacy = Privacy::new(of_mean, sampling, noise.delta, noise.epsilon);
    let first = privacy.epsilon(1);
    let reason = match first.is_finite() {
        true => format!("one round alone takes {first:.3} (hint: a larger --noise_multiplier)"),
        false => "so little noise bounds nothing (hint: a larger --noise_multiplier)".to_owned(),
    };
    let budget = noise.epsilon.unwrap_or_default();
    require("epsilon", budget, privacy.affordable != Some(0), &reason)?;
    Ok(Some(privacy))
}

fn sampling(config: &Config, clients: usize) -> Result<Sampling, PlanError> {
    let list = List::of(&config.client_selection)?;
    let selector = select::make(&config.client_selection, selection(config), list.as_ref())?;
    let cohort = config.client_num_per_round as usize;
    let sampling = Sampling::of(selector.draw(), cohort, clients);
    sampling.ok_or_else(|| PlanError::Value {
        name: "client_selection",
        value: config.client_selection.to_string(),
        reason: "who takes part tells something of what clients have, which noise does not cover \
                 (hint: poisson)"
            .to_owned(),
    })
}

/// The least multiplier that keeps the budget over all rounds.
fn least(config: &Config, noise: &update::Noise, sampling: Sampling) -> Result<f64, PlanError> {
    let budget = noise.epsilon.unwrap_or_default();
    let rounds = config.comm_round as u32;
    let least = Privacy::least_multiplier(sampling, noise.delta, budget, rounds);
    least.ok_or_else(|| PlanError::Value {
        name: "epsilon",
        value: budget.to_string(),
        reason: format!(
            "no noise keeps that over {rounds} rounds at --delta {:e} (hint: from {:.2e} on one does)",
            noise.delta,
            Privacy::least_epsilon(sampling, noise.delta, rounds)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(update: &str) -> Config {
        Config {
            update: update.parse().expect("never fails"),
            client_selection: "poisson".into(),
            ..Config::default()
        }
    }

    #[test]
    fn a_budget_is_kept_by_the_least_noise_which_stays_when_the_run_goes_on() {
        let plan = Plan::resolve(config("clip:norm=0.5;noise:epsilon=4")).expect("sound");
        let privacy = plan.privacy.as_ref().expect("promised");
        assert!(privacy.epsilon(10) <= 4.0 && privacy.epsilon(11) > 4.0);
        assert_eq!((privacy.noise.norm, privacy.noise.cohort), (0.5, 10));
        let longer = Plan::resolve(Config {
            comm_round: 50,
            ..plan.config.clone()
        })
        .expect("sound");
        let same = longer.privacy.as_ref().expect("promised");
        assert_eq!((same.noise, same.affordable), (privacy.noise, Some(10)));
        assert!(longer.is_over(10, None) && !longer.is_over(9, None));
        assert!(longer.evaluates_after(crate::ids::Round(9)));
        assert_eq!(longer.lasting_digest(), plan.lasting_digest());
        let why = longer.why_at_end(10, None);
        assert!(why.contains("epsilon 4 is spent"), "{why}");
    }

    #[test]
    fn what_noise_does_not_cover_is_refused() {
        let sound = || config("clip;noise:noise_multiplier=1");
        Plan::resolve(sound()).expect("sound");
        let refused = |config| Plan::resolve(config).expect_err("refused").to_string();
        for (update, reason) in [
            ("noise:noise_multiplier=1", "comes last"),
            ("clip;noise:noise_multiplier=1;topk", "comes last"),
            ("clip;noise", "needs its size"),
            ("clip;noise:noise_multiplier=0.2,epsilon=1", "one round alone takes"),
            ("clip;noise:noise_multiplier=1,delta=0", "above 0 and at most 0.5"),
            ("clip;noise:epsilon=1e-9,delta=1e-300", "no noise keeps that"),
            ("clip;noise:noise_multiplier=0,epsilon=1", "bounds nothing"),
        ] {
            let told = refused(config(update));
            assert!(told.contains(reason), "{update}: {told}");
        }
        for (other, reason) in [
            (
                Config {
                    algorithm: Some("scaffold".into()),
                    ..sound()
                },
                "hears more",
            ),
            (
                Config {
                    algorithm: Some("qfedavg".into()),
                    ..sound()
                },
                "hears more",
            ),
            (
                Config {
                    combine: Some("median".into()),
                    reduce: crate::message::Reduce::Server,
                    ..sound()
                },
                "the mean",
            ),
            (
                Config {
                    over_select: 1.5,
                    ..sound()
                },
                "the fastest",
            ),
            (
                Config {
                    fall_back: true,
                    ..sound()
                },
                "than the noise covers",
            ),
            (
                Config {
                    algorithm: Some("feddyn".into()),
                    client_selection: "uniform".into(),
                    ..sound()
                },
                "cohorts of fixed size",
            ),
            (
                Config {
                    client_selection: "weighted".into(),
                    ..sound()
                },
                "hint: poisson",
            ),
            (
                Config {
                    mode: Mode::Async,
                    client_selection: "uniform".into(),
                    ..sound()
                },
                "for rounds",
            ),
        ] {
            let told = refused(other);
            assert!(told.contains(reason), "{reason}: {told}");
        }
    }
}
