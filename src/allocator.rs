//! jemalloc takes the place of malloc in all of the process. libtorch asks it for a step's tensors
//! and frees them again, on each thread, of which glibc's keeps more. Programs with an allocator of
//! their own, and libraries that are loaded into others, leave the feature out.

use tikv_jemallocator as _;

/// What jemalloc reads when it starts, before any code of ours. Freed memory goes back to the
/// system after a second, and at once only from 16 MiB on, usually from 8: tensors of that size
/// come again at each step of `resnet18`, and to map them anew took 6 % of its time.
#[used]
#[unsafe(export_name = "malloc_conf")]
static CONF: &[u8] = b"oversize_threshold:16777216,dirty_decay_ms:1000\0";
