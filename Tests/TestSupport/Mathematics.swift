import Foundation

package func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
package func logarithm(_ value: Double) -> Double { log(value) }
package func cosine(_ angle: Double) -> Double { cos(angle) }
