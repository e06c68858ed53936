#include "Levels.inc.h"

// The tables of CRC-32 (ISO 3309, reflected polynomial 0xEDB88320) for eight bytes at a time: entry b of table k is the
// remainder of byte b followed by k zero bytes. Entries are linear in the bits of b, so eight constants define a table.

#define BIT(b, i, c) ((((b) >> (i)) & 1) * (c))
#define BITS(b, c0, c1, c2, c3, c4, c5, c6, c7)                                      \
  (uint32_t)(BIT(b, 0, c0##u) ^ BIT(b, 1, c1##u) ^ BIT(b, 2, c2##u) ^ BIT(b, 3, c3##u) ^ \
             BIT(b, 4, c4##u) ^ BIT(b, 5, c5##u) ^ BIT(b, 6, c6##u) ^ BIT(b, 7, c7##u))

#define S0(b)                                                                      \
  BITS(b, 0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832,                       \
          0x1db71064, 0x3b6e20c8, 0x76dc4190, 0xedb88320)
#define S1(b)                                                                      \
  BITS(b, 0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08,                       \
          0x4ac21251, 0x958424a2, 0xf0794f05, 0x3b83984b)
#define S2(b)                                                                      \
  BITS(b, 0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8,                       \
          0x1c26a370, 0x384d46e0, 0x709a8dc0, 0xe1351b80)
#define S3(b)                                                                      \
  BITS(b, 0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef,                       \
          0x5019579f, 0xa032af3e, 0x9b14583d, 0xed59b63b)
#define S4(b)                                                                      \
  BITS(b, 0x3d6029b0, 0x7ac05360, 0xf580a6c0, 0x30704bc1,                       \
          0x60e09782, 0xc1c12f04, 0x58f35849, 0xb1e6b092)
#define S5(b)                                                                      \
  BITS(b, 0xcb5cd3a5, 0x4dc8a10b, 0x9b914216, 0xec53826d,                       \
          0x03d6029b, 0x07ac0536, 0x0f580a6c, 0x1eb014d8)
#define S6(b)                                                                      \
  BITS(b, 0xa6770bb4, 0x979f1129, 0xf44f2413, 0x33ef4e67,                       \
          0x67de9cce, 0xcfbd399c, 0x440b7579, 0x8816eaf2)
#define S7(b)                                                                      \
  BITS(b, 0xccaa009e, 0x4225077d, 0x844a0efa, 0xd3e51bb5,                       \
          0x7cbb312b, 0xf9766256, 0x299dc2ed, 0x533b85da)

#define ENTRIES4(S, b) S(b), S((b) + 1), S((b) + 2), S((b) + 3)
#define ENTRIES16(S, b) ENTRIES4(S, b), ENTRIES4(S, (b) + 4), ENTRIES4(S, (b) + 8), ENTRIES4(S, (b) + 12)
#define ENTRIES64(S, b) ENTRIES16(S, b), ENTRIES16(S, (b) + 16), ENTRIES16(S, (b) + 32), ENTRIES16(S, (b) + 48)
#define ENTRIES(S) {ENTRIES64(S, 0), ENTRIES64(S, 64), ENTRIES64(S, 128), ENTRIES64(S, 192)}

const uint32_t sumac_crc32_tables[8][256] = {
    ENTRIES(S0), ENTRIES(S1), ENTRIES(S2), ENTRIES(S3),
    ENTRIES(S4), ENTRIES(S5), ENTRIES(S6), ENTRIES(S7),
};
