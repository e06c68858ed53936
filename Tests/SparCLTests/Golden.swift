import Base
import Checkpoints
import Containers
import Foundation
import TensorCore
import TestSupport

/// Results of the authors' functions.
struct Golden: Sendable {
  struct Prune: Decodable, Sendable {
    var key: String
    var kept: Int
    var threshold: Double?
  }
  struct Grow: Decodable, Sendable {
    var key: String
    var grown: Int
  }
  struct Stream: Decodable, Sendable {
    var size: Int
    var stream: Int
    var draws: [Int]
    var ids: [Int]
  }
  struct Forgotten: Decodable, Sendable {
    var neverRight: Int
    var presentations: [String: [Int]]
    var counts: [String: Int]
    var removed: [Int]
  }
  struct Facts: Decodable, Sendable {
    var prune: [Prune]
    var grow: [Grow]
    var reservoir: Stream
    var forgetting: Forgotten
  }
  struct Missing: Error { let name: String }

  let facts: Facts
  private let tensors: [String: LazyTensor]

  init() throws {
    facts = try JSONDecoder().decode(
      Facts.self, from: Data(Fixtures.bytes("sparcl/functions.json")))
    let file = try Containers.read(Fixtures.path("sparcl/functions.npz"))
    tensors = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
  }

  static let pruneIndexes = Array(0..<36)
  static let growIndexes = Array(0..<7)

  private func tensor(_ name: String) throws -> LazyTensor {
    guard let tensor = tensors[name] else { throw Missing(name: name) }
    return tensor
  }

  func floats(_ name: String) throws -> [Float] { try tensor(name).bytes().floats }
  func doubles(_ name: String) throws -> [Double] { try tensor(name).bytes().doubles }
  func mask(_ name: String) throws -> [Bool] { try tensor(name).bytes().map { $0 != 0 } }
  func outputs(_ name: String) throws -> Int { try tensor(name).info.shape.dimensions[0] }

  /// Returns the values of an I64 tensor.
  func integers(_ name: String) throws -> [Int32] {
    let bytes = try tensor(name).bytes()
    return stride(from: 0, to: bytes.count, by: 8).map { Int32(bytes[$0]) }
  }
}
