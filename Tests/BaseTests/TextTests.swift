import Base
import Testing

@Suite struct TextTests {
  @Test(
    "sizes are parsed in all supported forms",
    arguments: [
      ("4GiB", 4 << 30), ("500MB", 500_000_000), ("64K", 65_536), ("1.5 GiB", 3 << 29), ("7", 7),
      ("0", 0), ("2kB", 2000), ("12B", 12), ("1TiB", 1 << 40),
    ])
  func size(text: String, byteCount: Int) { #expect(ByteSize(text)?.byteCount == byteCount) }

  @Test(
    "text that is not a size is rejected",
    arguments: ["", "GiB", "-1", "1XB", "1GiBs", "nan", "1e9", "9EiB"])
  func noSize(text: String) { #expect(ByteSize(text) == nil) }

  @Test(
    "sizes are printed with three digits",
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (1_981_272, "1.89 MiB"),
      (23_300_000_000, "21.7 GiB"), (1_048_064, "1.00 MiB"),
    ])
  func printed(byteCount: Int, text: String) { #expect(ByteSize(byteCount).description == text) }

  @Test(
    "numbers are printed with decimals as long as their digits fit an integer",
    arguments: [
      (1.25, 1, "1.2"), (-0.04, 1, "0.0"), (9.5e14, 0, "950000000000000"),
      (9.5e14, 4, "950000000000000.0"),
      (1e300, 4, "1e+300"), (.nan, 2, "nan"),
    ] as [(Double, Int, String)])
  func decimals(number: Double, decimals: Int, text: String) {
    #expect(number.fixed(decimals: decimals) == text)
  }

  @Test(
    "`*` matches dots and slashes",
    arguments: [
      ("model.*.weight", "model.layers.0.q.weight", true), ("*", "", true), ("a?c", "a.c", true),
      ("a[0-9]", "a5", true), ("a[0-9]", "ab", false), ("lm_head", "lm_head.weight", false),
      ("a/*", "a/b/c", true),
    ])
  func glob(pattern: String, name: String, isMatch: Bool) {
    #expect(Glob(pattern).matches(name) == isMatch)
  }

  @Test(
    "names cannot control the terminal",
    arguments: [
      ("plain.weight", "plain.weight"), ("a\nb", "a\\nb"), ("\u{1B}[2J", "\\u{1B}[2J"),
      ("x\u{202E}y", "x\\u{202E}y"), ("back\\slash", "back\\\\slash"), ("naïve", "naïve"),
    ])
  func printable(name: String, text: String) { #expect(name.printable == text) }

  @Test(
    "paths that leave their folder are not safe relative paths",
    arguments: ["", "/a", "a//b", "../a", "a/..", ".", "a/./b", "a\0b", "a/", "../\u{301}a"])
  func unsafePath(path: String) { #expect(!RelativePath.isSafe(path)) }

  @Test("plain relative paths are safe", arguments: ["config.json", "a/b/c.txt", "..a", "a b"])
  func safePath(path: String) { #expect(RelativePath.isSafe(path)) }

  @Test("thousands are grouped", arguments: [(0, "0"), (999, "999"), (-1_234_567, "-1,234,567")])
  func grouped(number: Int, text: String) { #expect(number.grouped == text) }
}
