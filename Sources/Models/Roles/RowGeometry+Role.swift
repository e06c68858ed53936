package import TensorCore

extension RowGeometry {
  /// Creates the rows of a tensor from its role.
  package init(_ role: TensorRole, _ shape: Shape) {
    self.init(shape, axes: Self.axes(role, rank: shape.dimensions.count))
  }

  private static func axes(_ role: TensorRole, rank: Int) -> Range<Int> {
    guard rank > 1 else { return 0..<rank }
    let inputs: TensorRole.InputAxes =
      switch role {
      case .matrix(let inputs), .convolution(let inputs), .experts(let inputs): inputs
      case .adapter: rank > 2 ? .allButFirst : .last
      case .embedding, .norm, .bias, .elementwise, .quantized, .buffer, .unknown: .last
      }
    return switch inputs {
    case .last: rank - 1..<rank
    case .first: 0..<1
    case .beforeLast: rank - 2..<rank - 1
    case .allButFirst: 1..<rank
    case .allButLast: 0..<rank - 1
    }
  }
}
