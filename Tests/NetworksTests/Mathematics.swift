import Glibc

func cosineOf(_ angle: Double) -> Double { cos(angle) }
func sineOf(_ angle: Double) -> Double { sin(angle) }
