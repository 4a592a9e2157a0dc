//! `vgg11` and `vgg16`: stacks of 3x3 convolutions, halved by maxima (Simonyan and Zisserman 2015),
//! with the head of ImageNet or that of small images.

use super::chain::{Chain, Form};
use super::normalise::Norm;
use super::parameter::Start;
use super::{Network, Unfit};
use crate::part;
use crate::part::{Range, words};
use crate::task::Facts;

/// Channels of the convolutions of each stage: configuration A.
pub const ELEVEN: &[&[usize]] = &[&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];
/// Configuration D.
pub const SIXTEEN: &[&[usize]] = &[
    &[64, 64],
    &[128, 128],
    &[256, 256, 256],
    &[512, 512, 512],
    &[512, 512, 512],
];

words! {
    /// What follows the stages.
    pub Head {
        /// Dropout and 512 units, twice (FedNova's and NIID-Bench's, for CIFAR).
        Small = "small";
        /// One linear layer.
        Linear = "linear";
        /// Means of 7x7 parts and 4096 units with dropout, twice (torchvision's).
        Large = "large";
    }
}

words! {
    /// What follows each convolution.
    pub Between {
        /// ReLU alone.
        Nothing = "none";
        /// Batch normalisation.
        Batch = "batch";
        /// Group normalisation.
        Group = "group";
    }
}

part! {
    /// Its settings.
    pub Vgg {
        head: Head = "small", "small|linear|large", Range::ANY,
            "after the convolutions: 512 units twice, nothing, or 4096 units twice as torchvision \
             has it";
        norm: Between = "none", "none|batch|group", Range::ANY, "normalise after each convolution";
        groups: usize = "2", "GROUPS", Range::COUNT, "groups of channels, with norm=group";
    }
}

/// Stages and a head.
pub fn vgg(facts: &Facts, stages: &[&[usize]], settings: &Vgg) -> Result<Box<dyn Network>, Unfit> {
    let mut net = Chain::of_images(facts, Start::VGG)?;
    let norm = match settings.norm {
        Between::Nothing => None,
        Between::Batch => Some(Norm::BATCH),
        Between::Group => Some(Norm::Groups(settings.groups)),
    };
    let mut place = 0;
    for stage in stages {
        for &channels in *stage {
            net.convolution(&format!("features.{place}"), channels, Form::square(3));
            if let Some(norm) = norm {
                place += 1;
                net.norm(&format!("features.{place}"), norm);
            }
            net.relu();
            place += 2;
        }
        net.max_pool(2, 2, 0);
        place += 1;
    }
    classify(&mut net, settings.head, facts.task.outputs());
    net.finish()
}

fn classify(net: &mut Chain, head: Head, classes: usize) {
    match head {
        Head::Linear => net.flatten().linear("classifier", classes),
        Head::Small => {
            net.flatten()
                .dropout(0.5)
                .linear("classifier.1", 512)
                .relu();
            net.dropout(0.5)
                .linear("classifier.4", 512)
                .relu()
                .linear("classifier.6", classes)
        }
        Head::Large => {
            net.mean_of_parts(7, |values| values.adaptive_avg_pool2d([7, 7]))
                .flatten();
            net.linear("classifier.0", 4096).relu().dropout(0.5);
            net.linear("classifier.3", 4096)
                .relu()
                .dropout(0.5)
                .linear("classifier.6", classes)
        }
    };
}
