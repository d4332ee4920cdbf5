local stats = {}

function stats.mean(values)
  local sum = 0
  for _, value in ipairs(values) do
    sum = sum + value
  end
  if #values == 0 then
    return nil, "no values"
  end
  return sum / #values
end

function stats.highest(values)
  local best = -math.huge
  for i = 1, #values do
    if values[i] > best then best = values[i] end
  end
  return best
end

print(string.format("%.2f", stats.mean({ 4.1, 4.2, 3.9 })))

return stats
