import Base
import Models
import TensorCore
import TestSupport
import Testing

/// A model of `Fixtures/roles/architectures.txt`, with the roles of its tensors.
struct ModelOfRoles: Sendable, CustomTestStringConvertible {
  var name: String
  var configuration: ModelConfiguration?
  var infos: [TensorInfo] = []
  var roles: [TensorRole] = []

  var testDescription: String { name }

  static let all: [ModelOfRoles] = {
    do { return try read() } catch {
      Issue.record(error)
      return []
    }
  }()

  private static func read() throws -> [ModelOfRoles] {
    var models: [ModelOfRoles] = []
    let text = String(decoding: try Fixtures.bytes("roles/architectures.txt"), as: UTF8.self)
    for line in text.split(separator: "\n") where !line.hasPrefix("# ") {
      let fields = line.split(separator: "|", omittingEmptySubsequences: false).map {
        String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
      }
      if line.hasPrefix("== ") {
        var model = ModelOfRoles(name: String(fields[0].dropFirst(3)))
        if fields.count > 1 {
          let object = try #require(JSONValue.parse(Array(fields[1].utf8).span).asObject)
          model.configuration = ModelConfiguration(object)
        }
        models.append(model)
        continue
      }
      try #require(fields.count == 4, "\(line)")
      let dimensions = fields[1].split(separator: ",").compactMap { Int($0) }
      let dtype = try #require(DType(name: fields[2]), "\(line)")
      models[models.count - 1].infos.append(
        try TensorInfo(name: fields[0], dtype: dtype, shape: Shape(dimensions)))
      models[models.count - 1].roles.append(try #require(TensorRole(label: fields[3]), "\(line)"))
    }
    return models
  }
}

extension TensorRole {
  /// Creates the role with this label in the table.
  init?(label: String) {
    let words = label.split(separator: ":").map(String.init)
    let inputs = words.count > 1 ? InputAxes(rawValue: words[1]) : nil
    switch words[0] {
    case "matrix": self = .matrix(inputs ?? .last)
    case "convolution": self = .convolution(inputs ?? .allButFirst)
    case "experts": self = .experts(inputs ?? .last)
    case "embedding": self = .embedding
    case "norm": self = .norm
    case "bias": self = .bias
    case "elementwise": self = .elementwise
    case "unknown": self = .unknown
    case "buffer": self = .buffer
    case "a": self = .adapter(.a)
    case "b": self = .adapter(.b)
    case "strength": self = .adapter(.scale)
    default:
      guard let part = QuantizedPart(rawValue: words[0]) else { return nil }
      self = .quantized(part)
    }
  }
}
