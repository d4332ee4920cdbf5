library(ggplot2)

readings <- read.csv("readings.csv", stringsAsFactors = FALSE)
readings$time <- as.POSIXct(readings$time, tz = "UTC")

tide <- subset(readings, sensor == "tide")
summary(tide$value)

model <- lm(value ~ sin(2 * pi * as.numeric(time) / 44712), data = tide)
print(coef(model))

ggplot(tide, aes(x = time, y = value)) +
  geom_line(colour = "steelblue") +
  labs(title = "Tide at Old Pier", y = "cm")
