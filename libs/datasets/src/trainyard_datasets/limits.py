"""What the check may use, and what it lets pass."""

MIB = 2**20

MEMORY_BYTES = 3 * 2**30
CPU_S = 1800
WALL_S = 3600

# Archives up to here are fetched as a whole and each image is read to its end; of larger ones
# only the heads of the images are read.
WHOLE_BYTES = 256 * MIB
HEAD_BYTES = 64 * 1024

MAX_ENTRIES = 2_000_000
MAX_DIRECTORY_BYTES = 320 * MIB
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 1024
MAX_ENTRY_BYTES = 1024 * MIB
MAX_RATIO = 100
# Small archives of flat pictures compress beyond any ratio.
RATIO_FREE_BYTES = 64 * MIB

MAX_YAML_BYTES = MIB
MAX_YAML_ALIASES = 16
MAX_LABEL_BYTES = 16 * MIB
MAX_CLASSES = 10_000
MAX_CLASS_NAME = 200
MAX_KEYPOINTS = 1000

MIN_SIDE = 10
MAX_PIXELS = 200_000_000

# Above this share of unusable images a split is rejected.
MAX_BAD_SHARE = 0.1
MAX_PROBLEMS = 100
MAX_INDEX_BYTES = 256 * MIB
