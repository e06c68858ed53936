import Base
import Checkpoints
import Networks
import Synchronization
import TensorCore

/// A tensor of a checkpoint that can be held in memory while a block runs over many windows.
final class StreamedParameter: Parameter {
  typealias Scalar = Float

  private let lazy: LazyParameter<Float>
  private let arena: Arena
  private let value = Mutex<Value<Float>?>(nil)

  init(_ tensor: LazyTensor, path: String, in arena: Arena) {
    lazy = LazyParameter(tensor, path: path, in: arena)
    self.arena = arena
  }

  var name: String { lazy.name }
  var shape: [Int] { lazy.shape }
  var isTrained: Bool { false }
  var resident: Value<Float>? { value.withLock { $0 } }
  /// The memory of all numbers, in bytes.
  var byteCount: Int { 4 * count }

  var decodedChunks: ChunkGrid? { lazy.decodedChunks }

  func scratchByteCount(elementCount: Int) -> Int {
    lazy.scratchByteCount(elementCount: elementCount)
  }

  func read(_ elements: Range<Int>, into target: Memory<Float>, at index: Int) throws {
    try lazy.read(elements, into: target, at: index)
  }

  /// Reads all numbers of parameters into memory.
  static func load(_ parameters: [StreamedParameter], _ compute: Compute) throws {
    let values = try compute.whole(parameters.map(\.lazy))
    for (parameter, whole) in zip(parameters, values) { parameter.value.withLock { $0 = whole } }
  }

  /// Gives up the memory.
  func unload() { value.withLock { $0 = nil } }
}
