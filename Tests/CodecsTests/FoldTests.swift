import Base
import Codecs
import TensorCore
import TestSupport
import Testing

/// Groups along several dimensions that count as one. Specification, section 9.3.
@Suite struct FoldTests {
  private static let values: [Float] = {
    var random = SeededGenerator(seed: 5)
    return (0..<432).map { _ in Float.random(in: -1...1, using: &random) }
  }()

  @Test(
    "a folded tensor has the streams of the reshaped tensor",
    arguments: [
      ([8, 6, 3, 3], 1, 3, [8, 54], 1), ([8, 6, 3, 3], 0, 2, [48, 9], 0),
      ([8, 6, 3, 3], 1, 2, [8, 18, 3], 1), ([432], 0, 1, [432], 0),
    ], [1, 7, 16, 54, 500])
  func reshaped(example: ([Int], Int, Int, [Int], Int), size: Int) throws {
    let (dimensions, axis, fold, other, otherAxis) = example
    for elements in [0..<432, 100..<432, 31..<277] {
      let values = Self.values[elements].map(\.self)
      let folded = AffineCodec(bits: 4, groups: GroupSpec(axis: axis, fold: fold, size: size))
      let plain = AffineCodec(bits: 4, groups: GroupSpec(axis: otherAxis, size: size))
      let layout = ChunkLayout(dtype: .f32, dimensions: dimensions, elements: elements)
      let reshaped = ChunkLayout(dtype: .f32, dimensions: other, elements: elements)
      let bytes = values.littleEndianBytes
      let streams = ValueCodecContractTests.streams(of: folded, bytes.rawSpan, layout)
      #expect(
        streams == ValueCodecContractTests.streams(of: plain, bytes.rawSpan, reshaped),
        "\(elements)")
      #expect(
        try ValueCodecContractTests.values(of: folded, streams, layout)
          == ValueCodecContractTests.values(of: plain, streams, reshaped))
    }
  }

  @Test("a fold survives the parameters, and requires a feature")
  func parameters() throws {
    let codec = FP8Codec(groups: GroupSpec(axis: 1, fold: 3, size: 54))
    let again = try FP8Codec(codec.parameters, dtype: .f32, dimensions: [8, 6, 3, 3])
    #expect(again.parameters == codec.parameters)
    #expect(codec.requiredFeatures == [GroupSpec.foldFeature])
    #expect(FP8Codec(groups: GroupSpec(axis: 1, size: 54)).requiredFeatures.isEmpty)
    #expect(throws: CodecProblem.self) {
      try FP8Codec(codec.parameters, dtype: .f32, dimensions: [8, 6, 3])
    }
  }
}
