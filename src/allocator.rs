//! jemalloc takes the place of malloc in all of the program, and of no other that uses the library.
//! libtorch asks it for a step's tensors and frees them again, on each thread, of which glibc's
//! keeps more.

use tikv_jemallocator as _;

/// What jemalloc reads when it starts, before any code of ours. Freed memory goes back to the
/// system once its thread's arena has not wanted it for a second, and at once only from 16 MiB on,
/// usually from 8: tensors of that size come again at each step of `resnet18`, and to map them anew
/// took 6 % of its time.
#[used]
#[unsafe(export_name = "malloc_conf")]
static CONF: &[u8; 48] = b"oversize_threshold:16777216,dirty_decay_ms:1000\0";
