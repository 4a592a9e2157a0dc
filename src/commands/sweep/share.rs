//! What each group of ranks has of a sweep's job: its hosts, and its part of the GPU mapping. All
//! is divided before any member is trained, so that no group takes what another one has.

use super::super::places;
use crate::cli::SweepArgs;
use crate::hosts::{GpuMapping, HostFile};
use crate::sweep::{Member, SweepError, divide};
use crate::transport::Host;
use anyhow::Result;

/// The shares of all groups.
pub(super) struct Shares {
    /// Hosts by group; none where `fedmpi launch` is told what the sweep was told.
    pub(super) hosts: Vec<Option<HostFile>>,
    // By group; none where each group has a member's whole mapping.
    parts: Option<Vec<GpuMapping>>,
    // By member.
    mappings: Vec<Option<GpuMapping>>,
}

impl Shares {
    /// Divides the job among the groups, each member having a mapping or none.
    pub(super) fn of(
        arguments: &SweepArgs,
        members: &[Member],
        mappings: Vec<Option<GpuMapping>>,
    ) -> Result<Shares> {
        // A batch system has an allocation for each member.
        let together = arguments.groups.filter(|_| arguments.jobs.is_none());
        let (groups, ranks) = (together.unwrap_or(1), arguments.np.unwrap_or(1));
        if groups == 1 {
            return Ok(Shares {
                hosts: vec![None],
                parts: None,
                mappings,
            });
        }
        let hosts = match places::hosts(arguments.start.hostfile.as_deref())? {
            Some(hosts) => divide(&hosts, groups, ranks)?
                .into_iter()
                .map(Some)
                .collect(),
            None => vec![None; groups],
        };
        let parts = common(members, &mappings)?.map(|whole| parts(whole, &hosts, ranks));
        Ok(Shares {
            parts: parts.transpose()?,
            hosts,
            mappings,
        })
    }

    /// What a member maps that a group trains.
    pub(super) fn mapping(&self, group: usize, member: usize) -> Option<&GpuMapping> {
        let whole = self.mappings[member].as_ref()?;
        Some(self.parts.as_ref().map_or(whole, |parts| &parts[group]))
    }
}

/// The mapping of all members that have one: of two, groups could take the same seats.
fn common<'a>(
    members: &[Member],
    mappings: &'a [Option<GpuMapping>],
) -> Result<Option<&'a GpuMapping>, SweepError> {
    let named = members.iter().zip(mappings);
    let mut mapped = named.filter_map(|(member, mapping)| Some((member, mapping.as_ref()?)));
    let Some((first, whole)) = mapped.next() else { return Ok(None) };
    match mapped.find(|(_, mapping)| *mapping != whole) {
        None => Ok(Some(whole)),
        Some((other, _)) => Err(SweepError::Mappings {
            one: first.name.clone(),
            other: other.name.clone(),
        }),
    }
}

/// The part of each group.
fn parts(whole: &GpuMapping, hosts: &[Option<HostFile>], ranks: usize) -> Result<Vec<GpuMapping>> {
    let (groups, mapped) = (hosts.len(), whole.processes());
    let wanted = groups.saturating_mul(ranks);
    if mapped != wanted {
        return Err(SweepError::Mapped {
            groups,
            ranks,
            wanted,
            mapped,
        }
        .into());
    }
    let of_group = |hosts: &Option<HostFile>| match hosts {
        Some(hosts) => places::planned_hosts(hosts),
        None => vec![Host::here(); ranks],
    };
    let planned: Vec<Vec<Host>> = hosts.iter().map(of_group).collect();
    Ok(whole.divide(&planned)?)
}
