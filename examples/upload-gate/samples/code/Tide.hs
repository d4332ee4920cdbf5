module Main (main) where

import Data.List (maximumBy)
import Data.Maybe (mapMaybe)
import Data.Ord (comparing)
import Text.Read (readMaybe)

data Reading = Reading
  { sensor :: String
  , value  :: Double
  } deriving (Show, Eq)

parse :: String -> Maybe Reading
parse line = case break (== ';') line of
  (name, _ : rest) -> Reading name <$> readMaybe rest
  _                -> Nothing

main :: IO ()
main = do
  readings <- mapMaybe parse . lines <$> getContents
  if null readings
    then putStrLn "nothing"
    else print (maximumBy (comparing value) readings)
