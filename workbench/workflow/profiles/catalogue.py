"""All profiles by name. A new device is one file, one entry, one test."""

from workbench.catalogue import Catalogue
from workbench.workflow.profiles.gemmlowp import GEMMLOWP
from workbench.workflow.profiles.ncnn import NCNN
from workbench.workflow.profiles.nnie import NNIE
from workbench.workflow.profiles.nvdla import NVDLA
from workbench.workflow.profiles.onnxruntime import ONNXRUNTIME
from workbench.workflow.profiles.onnxruntime_no_vnni import ONNXRUNTIME_NO_VNNI
from workbench.workflow.profiles.profile import Profile
from workbench.workflow.profiles.tensorrt import TENSORRT

_members = (ONNXRUNTIME, ONNXRUNTIME_NO_VNNI, TENSORRT, NVDLA, NCNN, NNIE, GEMMLOWP)

PROFILES: Catalogue[Profile] = Catalogue(
    "profile", {member.name: member for member in _members}, key_of=lambda p: p.name, member_type=Profile
)


def as_profile(profile: Profile | str) -> Profile:
    """A `Profile` as it is, a name looked up in `PROFILES`; WorkbenchError for an unknown name."""
    return profile if isinstance(profile, Profile) else PROFILES[profile]
