import Checkpoints
import Differences
import TestSupport
import Testing

@Suite struct FlawTests {
  /// Returns the difference of models with two tensors, with other numbers than it had.
  private static func difference(
    _ shapes: [[Int]] = [[2], [2]], values: [Int] = [2, 2], storedByteCount: Int = 8,
    tensorCount: Int = 2
  ) throws -> ModelDifference {
    func model(_ last: Float) throws -> Checkpoint {
      Checkpoint(
        path: "memory", container: ContainerName(rawValue: "memory"),
        tensors: try (0..<2).map { try .floats("layers.\($0).w", [2], [1, last]) },
        identity: InputIdentity(hash: "00", byteCount: 0), files: [])
    }
    var found = try ModelComparison(model(2), model(3)).difference(
      metric: .percent, tolerance: nil, engine: .test())
    found.a.tensorCount = tensorCount
    for index in 0..<2 {
      found.tensors[index].a?.shape = shapes[index]
      found.tensors[index].b?.storedByteCount = storedByteCount
      found.tensors[index].measures?.valueCount = values[index]
    }
    return found
  }

  @Test("possible numbers have no flaw")
  func possible() throws {
    #expect(try Self.difference().flaw == nil)
    #expect(try Self.difference([[], [0, 5]], values: [1, 0]).flaw == nil)
  }

  @Test(
    "a shape that cannot be is refused",
    arguments: [[1 << 40, 1 << 40], [-1], [1 << 40, 1 << 40, 0]])
  func shape(shape: [Int]) throws {
    let flaw = try #require(try Self.difference([[2], shape]).flaw)
    #expect(flaw.tensor == "layers.1.w" && flaw.reason.hasPrefix("a.shape is "))
  }

  @Test(
    "counts that are negative or whose sum is too large are refused",
    arguments: [[2, -1], [1 << 62, 1 << 62]])
  func counts(values: [Int]) throws {
    let flaw = try #require(try Self.difference(values: values).flaw)
    #expect(flaw.tensor == "layers.1.w" && flaw.reason.hasPrefix("values is "))
  }

  @Test("negative sizes are refused")
  func sizes() throws {
    #expect(try Self.difference(storedByteCount: -1).flaw?.reason.contains("stored_bytes") == true)
    #expect(try Self.difference(tensorCount: -1).flaw?.reason.contains("a.tensor_count") == true)
  }
}
