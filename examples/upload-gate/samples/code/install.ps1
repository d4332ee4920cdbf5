# Installs the collector.
param(
    [Parameter(Mandatory = $true)]
    [string]$Target,
    [switch]$Force
)

$ErrorActionPreference = 'Stop'

if (-not (Test-Path -Path $Target)) {
    New-Item -ItemType Directory -Path $Target | Out-Null
}

Get-ChildItem -Path $PSScriptRoot -Filter '*.exe' | ForEach-Object {
    Copy-Item -Path $_.FullName -Destination $Target -Force:$Force
    Write-Host "copied $($_.Name)"
}
