"""What the check may use, and what it lets pass."""

from trainyard_datasets.container import memory_limit

MIB = 2**20

MEMORY_BYTES = int(min(3 * 2**30, memory_limit()))
# Of those a second process may take so much for itself.
HELPER_BYTES = 512 * MIB
CPU_S = 1800
WALL_S = 3600
MAX_WEIGHTS_BYTES = 5 * 2**30  # that a store takes at once
# Of weights, of which little is read but all is hashed; and of the processor, in a hostile pickle.
WEIGHTS_WALL_S = 900
# Some wait for their turn.
WEIGHTS_LINK_S = 4 * WEIGHTS_WALL_S

# Archives up to here are fetched as a whole. Larger ones are read by ranges, of each image at most
# HEAD_BYTES, some of them ahead.
WHOLE_BYTES = 256 * MIB
HEAD_BYTES = 16 * MIB

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
# Pillow's own limit, which holds in training too.
MAX_PIXELS = 178_956_970
# Larger images, and those beyond the sum, are opened and verified, but not decoded. Of JPEG images,
# whose decoders pass over damage in the middle, about DECODED_JPEGS are, spread over the dataset.
DECODED_PIXELS_AN_IMAGE = 50_000_000
# So much memory decoding one image may take: two checks run at once, beside the backend.
DECODE_BYTES = MEMORY_BYTES // 4
# At most, by format, a pixel. Measured; a few hundred bytes of a file are enough for it.
DECODE_BYTES_A_PIXEL = {"WEBP": 20, "JPEG2000": 28}
DECODE_BYTES_A_PIXEL_OTHERS = 16
DECODED_PIXELS = 1_000_000_000
DECODED_JPEGS = 1000

MAX_PROBLEMS = 100
MAX_INDEX_BYTES = 256 * MIB
