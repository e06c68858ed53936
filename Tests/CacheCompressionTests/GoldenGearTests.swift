import Base
import CacheCompression
import Caches
import Checkpoints
import Containers
import Foundation
import TensorCore
import TestSupport
import Testing

/// Tests packed caches against the errors and values of the GEAR authors' simulation.
@Suite struct GoldenGearTests {
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    struct Result: Decodable, Sendable {
      var bits: Int
      var method: String
      var keyError: Double
      var valueError: Double

      enum CodingKeys: String, CodingKey {
        case bits, method
        case keyError = "rel_err_key"
        case valueError = "rel_err_value"
      }

      var name: GearSettings.Method {
        switch method {
        case "KCVT": .kcvt
        case "KIVI_V2": .kivi
        case "GEAR": .gear
        case "GEAR-KCVT": .gearKCVT
        case "GEARL": .gearL
        default: .gearLKCVT
        }
      }
    }

    var name: String
    var group: Int
    var outliers: Double
    var rank: Int
    var rounds: Int
    var results: [Result]

    enum CodingKeys: String, CodingKey {
      case rank, results
      case name = "case"
      case group = "group_size"
      case outliers = "left"
      case rounds = "loop"
    }

    var testDescription: String { name }

    func settings(_ result: Result, isOfficial: Bool) -> GearSettings {
      var settings = GearSettings.make(
        result.name, bits: result.bits, group: group, outliers: outliers, rank: rank,
        isOfficial: isOfficial)
      settings.roundCount = rounds
      return settings
    }
  }

  private struct File: Decodable { var cases: [Case] }

  static let cases: [Case] = {
    let bytes = (try? Fixtures.bytes("caches/gear/gear.json")) ?? []
    return (try? JSONDecoder().decode(File.self, from: Data(bytes)).cases) ?? []
  }()

  private static let file = Result {
    try Containers.read(Fixtures.path("caches/gear/gear.safetensors"))
  }

  private static func tensor(_ name: String) throws -> LazyTensor {
    let file = try file.get()
    return try #require(file.tensors.first { $0.name == name }, "\(name)")
  }

  private static func cache(_ name: String) throws -> KVCache {
    try PackedCache.cache([(try tensor(name + "/key"), try tensor(name + "/value"))])
  }

  /// Packs a case, and returns its keys and values as they are read back.
  private static func values(
    _ gear: Case, _ result: Case.Result, isOfficial: Bool
  ) throws -> (key: [Float], value: [Float]) {
    let folder = try TemporaryFolder()
    let settings = gear.settings(result, isOfficial: isOfficial)
    let start = try CacheStart(file.get(), name: gear.name + "/p_start")
    let found = try PackedCache.packed(
      cache(gear.name), settings, start: isOfficial && settings.rank > 0 ? start : nil, in: folder)
    return (try found.layers[0].key.values(), try found.layers[0].value.values())
  }

  @Test("there are cases") func count() {
    #expect(Self.cases.count == 4 && Self.cases.allSatisfy { $0.results.count == 12 })
  }

  @Test("with parity the errors match those of the authors", arguments: cases)
  func official(gear: Case) throws {
    let (key, value) = (
      try Self.tensor(gear.name + "/key").values(), try Self.tensor(gear.name + "/value").values()
    )
    for result in gear.results {
      let found = try Self.values(gear, result, isOfficial: true)
      let errors = (relativeError(found.key, key), relativeError(found.value, value))
      #expect(abs(errors.0 / result.keyError - 1) < 1e-3, "\(result.method) \(result.bits) key")
      #expect(abs(errors.1 / result.valueError - 1) < 1e-3, "\(result.method) \(result.bits) value")
    }
  }

  @Test("with parity the values match those of the authors, except for a few roundings")
  func entries() throws {
    let gear = try #require(Self.cases.first { $0.name == "llama_random_layer1" })
    for result in gear.results {
      let found = try Self.values(gear, result, isOfficial: true)
      for (part, values) in [("key", found.key), ("value", found.value)] {
        let wanted = try Self.tensor("\(gear.name)/\(result.bits)bit/\(result.method)/\(part)")
          .values()
        let given = try Self.tensor("\(gear.name)/\(part)").values()
        let square = given.reduce(0.0) { $0 + Double($1) * Double($1) }
        let limit = Float(0.005 * (square / Double(given.count)).squareRoot())
        let far = zip(values, wanted).count { ($0 - $1).magnitude > limit }
        #expect(far * 1000 <= values.count, "\(result.method) \(result.bits) \(part): \(far)")
      }
    }
  }

  @Test("by default errors are no larger than those of the authors")
  func own() throws {
    var ratios: [Double] = []
    for gear in Self.cases {
      let (key, value) = (
        try Self.tensor(gear.name + "/key").values(),
        try Self.tensor(gear.name + "/value").values()
      )
      for result in gear.results {
        let found = try Self.values(gear, result, isOfficial: false)
        ratios.append(relativeError(found.key, key) / result.keyError)
        ratios.append(relativeError(found.value, value) / result.valueError)
      }
    }
    #expect(ratios.reduce(0, +) / Double(ratios.count) <= 1.005)
    #expect(ratios.max()! < 1.03)
  }

  @Test("more bits, outliers and products each reduce the error", arguments: cases)
  func order(gear: Case) throws {
    let folder = try TemporaryFolder()
    let cache = try Self.cache(gear.name)
    let (key, value) = (try cache.layers[0].key.values(), try cache.layers[0].value.values())
    func errors(_ method: GearSettings.Method, _ bits: Int) throws -> (Double, Double) {
      let found = try PackedCache.packed(
        cache, .make(method, bits: bits, group: gear.group, outliers: 0.03), in: folder)
      return (
        relativeError(try found.layers[0].key.values(), key),
        relativeError(try found.layers[0].value.values(), value)
      )
    }
    var before = (Double.infinity, Double.infinity)
    for bits in [2, 3, 4, 8] {
      let (kivi, gearL, gear) = (
        try errors(.kivi, bits), try errors(.gearL, bits), try errors(.gear, bits)
      )
      #expect(gear.0 < gearL.0 && gearL.0 < kivi.0 && kivi.0 < before.0, "\(bits) keys")
      #expect(gear.1 < gearL.1 && gearL.1 < kivi.1 && kivi.1 < before.1, "\(bits) values")
      before = kivi
    }
  }
}
