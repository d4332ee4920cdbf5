package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

type Reading struct {
	Sensor string
	Value  float64
}

func parse(line string) (Reading, error) {
	parts := strings.SplitN(line, ";", 2)
	if len(parts) != 2 {
		return Reading{}, fmt.Errorf("bad line %q", line)
	}
	value, err := strconv.ParseFloat(parts[1], 64)
	return Reading{Sensor: parts[0], Value: value}, err
}

func main() {
	scanner := bufio.NewScanner(os.Stdin)
	for scanner.Scan() {
		if reading, err := parse(scanner.Text()); err == nil {
			fmt.Println(reading.Sensor, reading.Value)
		}
	}
}
