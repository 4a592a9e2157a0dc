"""fedmpi for Spack 1.0 and newer. In the project's folder:

spack repo add packaging/spack/repo
spack dev-build fedmpi@main        # of this very folder; or, from a server, `spack install fedmpi git=ADDRESS`
"""

from spack.package import *
from spack_repo.builtin.build_systems.cargo import CargoPackage


class Fedmpi(CargoPackage):
    """Federated learning on clusters over MPI: launch, simulate, reproduce bit for bit."""

    license("Apache-2.0")

    version("main", branch="main")

    variant("cuda", default=False, description="train on NVIDIA GPUs")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("gmake", type="build")
    depends_on("rust@1.91:", type="build")
    # bindgen reads mpi.h with libclang.
    depends_on("llvm+clang", type="build")
    depends_on("mpi")
    # The binding is to one version of libtorch, which its Python package brings along.
    depends_on("py-torch@2.11")
    depends_on("py-torch+cuda", when="+cuda")
    depends_on("py-torch~cuda", when="~cuda")

    def setup_build_environment(self, env):
        env.set("LIBTORCH", join_path(self["py-torch"].module.python_platlib, "torch"))
        env.set("LIBCLANG_PATH", self.spec["llvm"].prefix.lib)
        env.set("MPICC", self.spec["mpi"].mpicc)

    @property
    def build_args(self):
        return ["--locked", "--bin", "fedmpi"]

    def check(self):
        """The tests need data sets of their own and ranks: `scripts/test.sh` runs them."""
