package import Base
import TensorCore

/// The loss of a whole output, in relation to the input of the command that wrote it.
package struct ModelLoss: Sendable, Hashable {
  /// A tensor and its ‖x − x̂‖ / ‖x‖, over the values that are finite before and after.
  package struct Worst: Sendable, Hashable {
    package var name: String
    package var relative: Double
    /// The number of finite values that became infinite.
    package var infinities: Int

    package init(name: String, relative: Double, infinities: Int = 0) {
      self.name = name
      self.relative = relative
      self.infinities = infinities
    }
  }

  /// The number of tensors that `worst` lists at most.
  package static let worstCount = 3

  /// The root of the sum of the squared differences over the sum of the squared values, of the tensors with a loss.
  package var relative: Double
  /// The number of tensors with a loss.
  package var tensorCount: Int
  /// The share of the values that are in tensors without loss, from 0 to 1.
  package var losslessShare: Double
  /// The number of finite values that became infinite.
  package var infinities: Int
  /// The number of nonzero values that a change of dtype made zero.
  package var zeros: Int
  /// The tensors with the largest losses, the worst first. Tensors with new infinities precede all others.
  package var worst: [Worst]

  package init(
    relative: Double, tensorCount: Int, losslessShare: Double, infinities: Int, zeros: Int,
    worst: [Worst]
  ) {
    self.relative = relative
    self.tensorCount = tensorCount
    self.losslessShare = losslessShare
    self.infinities = infinities
    self.zeros = zeros
    self.worst = worst
  }

  /// Creates the loss of an output; nil if no tensor has one.
  /// - Parameters:
  ///   - losses: The tensors with a loss, by name. The sums are computed in this order.
  ///   - elementCount: The number of values of all tensors.
  package init?(_ losses: [TensorLoss], elementCount: Int) {
    guard !losses.isEmpty else { return nil }
    var total = ValueLoss()
    var lossy = 0
    for tensor in losses {
      total.add(tensor.loss)
      lossy += tensor.elementCount
    }
    let ranked = losses.sorted {
      let (left, right) = ($0.loss, $1.loss)
      if left.infinities != right.infinities { return left.infinities > right.infinities }
      return left.relative == right.relative
        ? $0.name.precedesAsBytes($1.name) : left.relative > right.relative
    }
    self.init(
      relative: total.relative, tensorCount: losses.count,
      losslessShare: Double(max(0, elementCount - lossy)) / Double(max(1, elementCount)),
      infinities: total.infinities, zeros: max(0, total.zeros),
      worst: ranked.prefix(Self.worstCount).map {
        Worst(name: $0.name, relative: $0.loss.relative, infinities: $0.loss.infinities)
      })
  }

  /// A summary in one line.
  package var summary: String {
    "\(total); worst: \(worstTensors); "
      + "\((100 * losslessShare).fixed(decimals: 1)) % of the values kept without loss"
  }

  /// The total error and the number of tensors.
  package var total: String {
    "total relative error \(Self.percent(relative)) in \(tensorCount.counted("tensor"))"
      + (infinities > 0 ? ", \(infinities.counted("value")) infinite" : "")
  }

  /// The names of the worst tensors with their errors.
  package var worstTensors: String {
    worst.map { "\($0.name.printable) \($0.error)" }.joined(separator: ", ")
  }

  /// Returns a share as a percentage with three decimals, or with an exponent if these would all be 0.
  package static func percent(_ share: Double) -> String {
    let percentage = 100 * share
    guard percentage != 0, percentage < 0.001 else { return "\(percentage.fixed(decimals: 3)) %" }
    return "\(percentage.short) %"
  }
}

extension ModelLoss.Worst {
  /// The error as a percentage; the number of new infinities if there are any, which have no finite error.
  fileprivate var error: String {
    infinities > 0
      ? "not finite (\(infinities.counted("value")))" : ModelLoss.percent(relative)
  }

  /// The members of the tensor. The number of infinities is left out if it is 0.
  fileprivate var json: JSONObject {
    var object: JSONObject = ["name": .string(name), "relative_error": JSONValue(relative)]
    if infinities > 0 { object["infinities"] = JSONValue(infinities) }
    return object
  }
}

extension ModelLoss {
  /// Returns the number of values of a tensor that became infinite; 0 if it is not one of the worst.
  package func infinities(in tensor: String) -> Int {
    worst.first { $0.name.equalsAsBytes(tensor) }?.infinities ?? 0
  }

  package var json: JSONObject {
    [
      "relative_error": JSONValue(relative), "tensors": JSONValue(tensorCount),
      "lossless_share": JSONValue(losslessShare), "infinities": JSONValue(infinities),
      "zeros": JSONValue(zeros),
      "worst": .array(worst.map { .object($0.json) }),
    ]
  }

  /// Creates the loss that `json` describes; nil if it does not describe one.
  package init?(_ json: JSONValue) {
    guard let relative = json["relative_error"]?.asDouble, let count = json["tensors"]?.asInt,
      let share = json["lossless_share"]?.asDouble, let infinities = json["infinities"]?.asInt,
      let zeros = json["zeros"]?.asInt, let list = json["worst"]?.asArray
    else { return nil }
    var worst: [Worst] = []
    for item in list {
      guard let name = item["name"]?.asString, let relative = item["relative_error"]?.asDouble
      else { return nil }
      worst.append(
        Worst(name: name, relative: relative, infinities: item["infinities"]?.asInt ?? 0))
    }
    self.init(
      relative: relative, tensorCount: count, losslessShare: share, infinities: infinities,
      zeros: zeros, worst: worst)
  }

  /// Returns a loss whose JSON is at least as long as that of any loss of these tensors.
  package static func longest(names: [String]) -> ModelLoss {
    // Its shortest form has 17 digits, a point and an exponent of three digits: the most that a positive number needs.
    let number = Double.leastNormalMagnitude
    let longest = names.map { (name: $0, length: quotedByteCount($0)) }
      .sorted { $0.length > $1.length }.prefix(worstCount)
    return ModelLoss(
      relative: number, tensorCount: .max, losslessShare: number, infinities: .max, zeros: .max,
      worst: longest.map { Worst(name: $0.name, relative: number, infinities: .max) })
  }

  /// The number of bytes of a name in a JSON document that is itself a JSON string.
  private static func quotedByteCount(_ name: String) -> Int {
    let quoted = JSONValue.string(name).serialized()
    return JSONValue.string(quoted).serialized().utf8.count
  }
}
