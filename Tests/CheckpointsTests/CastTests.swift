import Base
import Checkpoints
import Packing
import TensorCore
import TestSupport
import Testing

@Suite struct CastTests {
  @Test("F16, BF16, F32 and F64 are converted, other dtypes are unchanged")
  func scope() throws {
    let original = Checkpoint.inMemory(
      try DType.allCases.map { try .inMemory($0.name, $0, [16]) })
    let cast = try Cast(to: .bf16).applied(to: original)
    for (before, after) in zip(original.tensors, cast.tensors) {
      #expect(after.info.dtype == (before.info.dtype.isPlainFloat ? .bf16 : before.info.dtype))
    }
  }

  @Test("reading a converted tensor in parts equals converting it as a whole", arguments: 0..<10)
  func tiles(seed: Int) throws {
    let folder = try TemporaryFolder()
    let tensor = try LazyTensor.inMemory("w", .f32, [700, 901], seed: UInt64(seed))
    let cast = try Cast(to: .f16).applied(to: .inMemory([tensor]))
    let read = try cast.written(to: folder["x.sumac"])
    var buffer = ByteBuffer(byteCount: 2 * tensor.info.elementCount)
    var target = buffer.mutableBytes
    let bytes = try tensor.bytes()
    try Kernels.best.convert(
      bytes.rawSpan, from: .f32, to: .f16, elementCount: tensor.info.elementCount,
      saturating: false, into: &target)
    let expected = buffer.bytes.array()
    #expect(try read.tensors[0].bytes() == expected)
  }

  @Test(
    "values that are too large become infinity or the largest finite value",
    arguments: [(false, 0x7C00), (true, 0x7BFF)] as [(Bool, UInt16)])
  func overflow(saturating: Bool, expected: UInt16) throws {
    let tensor = try LazyTensor.inMemory("w", .f32, [1], values: [0, 0, 0x80, 0x47])
    let cast = try Cast(to: .f16, saturating: saturating).applied(to: .inMemory([tensor]))
    #expect(
      try cast.tensors[0].bytes() == [
        UInt8(truncatingIfNeeded: expected), UInt8(truncatingIfNeeded: expected >> 8),
      ])
  }

  @Test(
    "the last matching rule decides what is converted",
    arguments: [
      ([.include(Glob("a*"))], ["a1", "a2"]),
      ([.exclude(Glob("a*"))], ["b"]),
      ([.include(Glob("*")), .exclude(Glob("a1"))], ["a2", "b"]),
      ([.exclude(Glob("a*")), .include(Glob("a2"))], ["a2", "b"]),
      ([], ["a1", "a2", "b"]),
    ] as [([Selection.Rule], [String])])
  func selection(rules: [Selection.Rule], names: [String]) {
    let selection = Selection(rules: rules)
    #expect(["a1", "a2", "b"].filter(selection.contains) == names)
  }

  @Test("a list of names is the initial selection, and rules still decide")
  func names() {
    let selection = Selection(rules: [.exclude(Glob("a1"))], names: ["a1", "a2"])
    #expect(["a1", "a2", "b"].filter(selection.contains) == ["a2"])
  }
}
