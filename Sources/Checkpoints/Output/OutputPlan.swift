package import Base
package import TensorCore

/// The work of a writer as known from headers alone.
package struct OutputPlan: Sendable {
  /// One tensor of the output.
  package struct Row: Sendable, Equatable {
    package var name: String
    package var shape: Shape
    package var from: String
    package var to: String
    package var byteCount: Int
    /// True if `byteCount` is exact; otherwise it is an upper bound.
    package var isExact: Bool
    package var file: String
    /// True if the tensor is stored as another name of an earlier one.
    package var isAlias: Bool

    package init(
      name: String, shape: Shape, from: String, to: String, byteCount: Int, isExact: Bool,
      file: String, isAlias: Bool = false
    ) {
      self.name = name
      self.shape = shape
      self.from = from
      self.to = to
      self.byteCount = byteCount
      self.isExact = isExact
      self.file = file
      self.isAlias = isAlias
    }
  }

  package var rows: [Row]
  package var companions: [String]
  /// The total size of all files; an upper bound if `isExact` is false.
  package var byteCount: Int
  package var isExact: Bool
  package var demand: MemoryBudget.Demand
  package var tileCount: Int
  /// The number of bytes of values that are read and written; progress counts up to it.
  package var valueByteCount: Int
  /// Notes for the user, such as data that cannot be carried over.
  package var notes: [Message]

  /// The number of values of all tensors that are written; the values of an alias are not written again.
  package var elementCount: Int {
    rows.reduce(0) { $0 + ($1.isAlias ? 0 : $1.shape.elementCount) }
  }

  package init(
    rows: [Row], companions: [String], byteCount: Int, isExact: Bool,
    demand: MemoryBudget.Demand, tileCount: Int, valueByteCount: Int, notes: [Message]
  ) {
    self.rows = rows
    self.companions = companions
    self.byteCount = byteCount
    self.isExact = isExact
    self.demand = demand
    self.tileCount = tileCount
    self.valueByteCount = valueByteCount
    self.notes = notes
  }
}
