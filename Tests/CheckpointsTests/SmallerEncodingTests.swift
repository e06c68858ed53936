import Base
import Checkpoints
import Codecs
import PackedFormat
import Packing
import TensorCore
import TestSupport
import Testing
import Zstd

@Suite struct SmallerEncodingTests {
  private static let types = [
    "int8", "int4:g3", "int2", "fp8", "nf4", "mxfp4", "nvfp4", "int4:asym",
  ]

  /// Tensors whose groups are short, whose values are alike, or whose values only the ends show.
  private static func tensors() throws -> [LazyTensor] {
    var tensors = try [[1000, 2], [64, 64, 1, 1], [3], [5, 1], [300, 70]].map {
      try LazyTensor.random("w", $0, seed: 4)
    }
    tensors.append(try .floats("zeros", [600, 700], [Float](repeating: 0, count: 420_000)))
    tensors.append(try .floats("same", [600, 700], [Float](repeating: 1.5, count: 420_000)))
    tensors.append(
      try .floats("steps", [600, 700], (0..<420_000).map { Float($0 / 1000) }))
    return tensors
  }

  @Test("a lossy tensor is never larger than the lossless one", arguments: types)
  func size(type: String) throws {
    let recipe = TermRecipe(dense: try StorageType(type))
    for tensor in try Self.tensors() {
      for compression in [Compression.none, .fast] {
        let encoder = ChunkEncoder(zstd: Zstd(), compression: compression)
        let storage = TensorStorage.recipe(recipe, RowGeometry(tensor.info.shape))
        let lossy = try StoredSize(
          tensor, try #require(storage.encoding(compression: compression)), encoder: encoder,
          engine: .test())
        let lossless = try StoredSize(
          tensor, LosslessEncoding(compression: compression), encoder: encoder, engine: .test())
        #expect(lossy.byteCount <= lossless.byteCount, "\(tensor.name) \(tensor.info.shape)")
      }
    }
  }
}
