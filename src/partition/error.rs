//! Why data cannot be divided as wanted.

/// The data cannot be divided as wanted.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PartitionError {
    /// Somebody would own less than everybody must.
    #[error(
        "{clients} clients with at least {least} each need {} samples, there are {samples} (hint: \
         {})",
        clients.saturating_mul(*least), fewer(*samples, *least)
    )]
    TooFewSamples {
        /// Clients wanted.
        clients: usize,
        /// Samples each must have.
        least: usize,
        /// Samples there are.
        samples: usize,
    },
    /// Random draws kept failing.
    #[error(
        "no Dirichlet({alpha}) draw gave every one of {clients} clients {least} samples in \
         {attempts} attempts (hint: raise --partition_alpha, or lower --client_num_in_total or \
         --min_require_size)"
    )]
    Unlucky {
        /// Concentration.
        alpha: f64,
        /// Clients wanted.
        clients: usize,
        /// Samples each must have.
        least: usize,
        /// Draws made.
        attempts: usize,
    },
    /// A class that no client would see.
    #[error(
        "class {class} would belong to nobody (hint: raise --classes or --client_num_in_total)"
    )]
    Unseen {
        /// Which.
        class: usize,
    },
    /// Too few samples of a class.
    #[error(
        "class {class} has {samples} samples for {owners} clients, at least {least} each \
         (hint: lower --client_num_in_total or --classes)"
    )]
    Scarce {
        /// Which.
        class: usize,
        /// Clients that see it.
        owners: usize,
        /// Samples each must have.
        least: usize,
        /// Samples there are.
        samples: usize,
    },
    /// Somebody would own nothing.
    #[error(
        "client {client} would own nothing: the data has no sample of its classes (hint: raise \
         --classes)"
    )]
    Nothing {
        /// Who.
        client: usize,
    },
    /// The data is not held, so its classes are not known.
    #[error(
        "there are too many samples to hold, and `{method}` would have to see them \
         (hint: --partition_method natural, or fewer clients)"
    )]
    NotHeld {
        /// The partitioner.
        method: String,
    },
    /// The samples have no classes.
    #[error(
        "`{method}` divides samples by their classes, and these have none (hint: \
         --partition_method natural or homo)"
    )]
    NoClasses {
        /// The partitioner.
        method: String,
    },
    /// The data has no owners.
    #[error("the data has no natural owners (hint: --partition_method homo, hetero or shards)")]
    NoOwners,
    /// The data has other owners.
    #[error(
        "the data has {found} natural owners, {wanted} clients are wanted (hint: \
         --client_num_in_total {found})"
    )]
    OtherOwners {
        /// Owners there are.
        found: usize,
        /// Clients wanted.
        wanted: usize,
    },
    /// A saved partition that cannot be used.
    #[error("partition file {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong, with a hint.
        reason: String,
    },
    /// A partition that is in a file, and no file.
    #[error(
        "--partition_method {0} needs a file (hint: --partition_file net_dataidx_map.txt, on every \
         host)"
    )]
    NoFile(&'static str),
    /// Shards that cannot be dealt out evenly.
    #[error(
        "--num_shards is {shards}: {clients} clients get equally many shards (hint: {}, or 0: two \
         each)",
        shards.div_ceil(*clients).max(1).saturating_mul(*clients)
    )]
    Uneven {
        /// Shards wanted.
        shards: usize,
        /// Clients among whom they are dealt.
        clients: usize,
    },
}

/// How many clients there can be.
fn fewer(samples: usize, least: usize) -> String {
    match samples / least.max(1) {
        0 => "more data".to_owned(),
        most => format!("--client_num_in_total at most {most}"),
    }
}
