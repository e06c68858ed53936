/// The values that a pickle stores under numbers to use them again.
struct PickleMemo {
  /// The values of the numbers from 0 on, which writers use in order.
  private var dense: [PickleValue] = []
  /// The values of other numbers.
  private var sparse: [Int: PickleValue] = [:]

  /// The number of values, which is the number of the next one in protocol 4.
  var count: Int { dense.count + sparse.count }

  subscript(index: Int) -> PickleValue? {
    get { dense.indices.contains(index) ? dense[index] : sparse[index] }
    set {
      guard let newValue else { return }
      if index < dense.count {
        dense[index] = newValue
      } else if index == dense.count, sparse.isEmpty {
        dense.append(newValue)
      } else {
        sparse[index] = newValue
      }
    }
  }
}
