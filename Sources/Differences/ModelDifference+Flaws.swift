extension ModelDifference {
  /// A reason why a decoded value cannot be the difference of two models.
  package struct Flaw: Sendable, Equatable {
    /// The tensor that has the number; nil for a number of a model.
    package var tensor: String?
    /// The member, what was found and what was expected.
    package var reason: String
  }

  /// The first number that is negative, or that is too large for the sums over all tensors; nil if there is none.
  package var flaw: Flaw? {
    for (name, model) in [("a", a), ("b", b)] {
      for (key, count) in [
        ("bytes", model.byteCount), ("tensor_count", model.tensorCount),
        ("parameter_count", model.parameterCount),
      ] where count < 0 {
        return Flaw(reason: "\(name).\(key) is \(count), expected 0 or more")
      }
    }
    var sums: [String: Int] = [:]
    for tensor in tensors {
      for (name, side) in [("a", tensor.a), ("b", tensor.b)] {
        if let reason = side?.flaw {
          return Flaw(tensor: tensor.name, reason: "\(name).\(reason)")
        }
      }
      for (key, count) in tensor.measures?.counts ?? [] {
        guard count >= 0 else {
          return Flaw(tensor: tensor.name, reason: "\(key) is \(count), expected 0 or more")
        }
        let (sum, overflows) = sums[key, default: 0].addingReportingOverflow(count)
        guard !overflows else {
          return Flaw(
            tensor: tensor.name,
            reason: "\(key) is \(count), and the sum over all tensors exceeds \(Int.max)")
        }
        sums[key] = sum
      }
    }
    return nil
  }
}

extension TensorDifference.Side {
  /// The first negative number, or a shape with too many values; nil if there is none.
  fileprivate var flaw: String? {
    guard storedByteCount >= 0 else {
      return "stored_bytes is \(storedByteCount), expected 0 or more"
    }
    var product = 1
    for dimension in shape {
      guard dimension >= 0 else {
        return "shape is \(shape), expected dimensions of 0 or more"
      }
      let (next, overflows) = product.multipliedReportingOverflow(by: dimension)
      guard !overflows else { return "shape is \(shape), which has more than \(Int.max) values" }
      product = next
    }
    return nil
  }
}

extension Measures {
  /// The numbers of values with their keys in JSON.
  fileprivate var counts: [(key: String, count: Int)] {
    [
      ("values", valueCount), ("finite", finiteCount), ("changed", changedCount),
      ("nonfinite_changed", nonfiniteChangedCount), ("zeros_a", zerosA), ("zeros_b", zerosB),
      ("nans_a", nansA), ("nans_b", nansB), ("infinities_a", infinitiesA),
      ("infinities_b", infinitiesB),
    ]
  }
}
