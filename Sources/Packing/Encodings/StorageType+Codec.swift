package import Checkpoints
package import Codecs
package import TensorCore

extension StorageType {
  /// Returns the reason why a tensor of this shape cannot be stored as this type; nil if it can.
  package func fault(for shape: Shape) -> String? {
    guard let type = ggmlType, !GgmlCodec.fits(type, shape.dimensions) else { return nil }
    return "rows of \(shape.columnCount) values are not whole blocks of \(type.elementCount)"
  }

  /// Returns the codec for a tensor with these rows. Blocks of ggml types always follow the last dimension.
  ///
  /// `groupsAreCut` is true if the rows are shorter than the requested groups, so that each row is a group.
  package func codec(
    for rows: RowGeometry, packing: CodeStream.Packing
  ) -> (codec: any ValueCodec, groupsAreCut: Bool) {
    let row = max(1, rows.length)
    let (size, isCut): (Int, Bool) =
      switch groups {
      case .size(let size): (min(size, row), size > row)
      case .row: (row, false)
      case .tensor: (0, false)
      }
    let spec = GroupSpec(
      axis: rows.axes.lowerBound, fold: max(1, rows.axes.count), size: size)
    let codec: any ValueCodec =
      switch kind {
      case .lossless: PlanesCodec()
      case .int(let bits):
        AffineCodec(
          bits: bits, groups: spec, scaleDType: scaleDType, zero: zero, packing: packing)
      case .fp8(let element): FP8Codec(element: element, groups: spec, scaleDType: scaleDType)
      case .mx(let element): MXCodec(element: element, groups: spec, packing: packing)
      case .nvfp4: NVFP4Codec(groups: spec)
      case .nf4:
        CodebookCodec(
          table: CodebookCodec.nf4, groups: spec, scaleDType: scaleDType, packing: packing)
      case .ggml: GgmlCodec(type: ggmlType!)
      }
    return (codec, isCut)
  }
}
